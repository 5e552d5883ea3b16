package dev.muser.client;

import dev.muser.device.DmaAccess;
import dev.muser.device.VfioException;
import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import dev.muser.protocol.Command;
import dev.muser.protocol.DmaMap;
import dev.muser.protocol.DmaUnmap;
import dev.muser.protocol.Header;
import java.util.List;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** DMA_MAP and DMA_UNMAP, and what is mapped now. */
final class DmaMessages {
    private final Connection connection;
    private final Limits limits;

    /** Sizes by address, for servers that cannot unmap everything at once. */
    private final TreeMap<Long, Long> mapped = new TreeMap<>();

    DmaMessages(Connection connection, Limits limits) {
        this.connection = connection;
        this.limits = limits;
    }

    void map(long iova, long size, DmaAccess rights, @Nullable Fd file, long offset) {
        try (file) {
            if (file != null && limits.maxDescriptors() < 1) {
                throw new VfioException(
                        Errno.EOPNOTSUPP,
                        "DMA_MAP with a descriptor, where the server takes none (max_msg_fds 0)");
            }
            int flags =
                    (rights.readable() ? DmaMap.FLAG_READABLE : 0)
                            | (rights.writable() ? DmaMap.FLAG_WRITEABLE : 0);
            int length =
                    DmaMap.encodeRequest(
                            connection.request(DmaMap.SIZE),
                            Header.SIZE,
                            flags,
                            offset,
                            iova,
                            size);
            connection.call(Command.DMA_MAP, length, file == null ? List.of() : List.of(file));
            mapped.put(iova, size);
        }
    }

    void unmap(long iova, long size) {
        unmap(0, iova, size);
        if (!mapped.remove(iova, size)) {
            mapped.keySet().removeIf(each -> Long.compareUnsigned(each - iova, size) < 0);
        }
    }

    /** By one message where the server knows it (libvfio-user and QEMU do), else one by one. */
    void unmapAll() {
        try {
            unmap(DmaUnmap.FLAG_ALL, 0, 0);
            mapped.clear();
        } catch (VfioException e) {
            if (e.errno() != Errno.EINVAL && e.errno() != Errno.EOPNOTSUPP) {
                throw e;
            }
            while (!mapped.isEmpty()) {
                var first = mapped.firstEntry();
                unmap(first.getKey(), first.getValue());
            }
        }
    }

    private void unmap(int flags, long iova, long size) {
        int length =
                DmaUnmap.encodeRequest(
                        connection.request(DmaUnmap.SIZE), Header.SIZE, flags, iova, size);
        int replied = connection.call(Command.DMA_UNMAP, length);
        var reply = new DmaUnmap().wrap(connection.reply(), connection.replyAt(), replied);
        if (reply.validateReply(flags, iova, size, 0) != 0) {
            throw connection.violated(
                    "DMA_UNMAP reply of %d bytes is no echo of address 0x%x size 0x%x"
                            .formatted(replied, iova, size));
        }
    }
}
