package dev.muser.client;

import dev.muser.device.DmaAccess;
import dev.muser.device.DmaCompletion;
import dev.muser.device.DmaPort;
import dev.muser.device.VfioDevice;
import dev.muser.device.VfioException;
import dev.muser.linux.Errno;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.ConcurrentSkipListMap;
import org.jspecify.annotations.Nullable;

/**
 * The memory that a driver shares with its device: allocates buffers, gives them I/O virtual
 * addresses, and answers a device that asks for their bytes by message.
 *
 * <p>Buffers are allocated and closed by the driver's thread; the {@link #port} may be called by a
 * device's thread.
 */
public final class DmaSpace implements AutoCloseable {
    private static final long PAGE = 4096;
    private static final long MAX_SIZE = 1L << 40;

    private final VfioDevice device;
    private final IovaAllocator addresses = new IovaAllocator();
    private final ConcurrentSkipListMap<Long, DmaBuffer> buffers = new ConcurrentSkipListMap<>();
    private final DmaPort port = new Port();

    /** For {@code device}, to which {@link #port} is to be attached. */
    public DmaSpace(VfioDevice device) {
        this.device = device;
    }

    /** Returns what answers a device that moves data by message: {@link VfioDevice#attach}. */
    public DmaPort port() {
        return port;
    }

    /** Allocates {@code size} bytes of shared memory that the device may read and write. */
    public DmaBuffer allocate(long size) {
        return allocate(size, DmaAccess.READ_WRITE, DmaMemory.PAGES);
    }

    /**
     * Allocates memory and maps it into the device.
     *
     * @param size in bytes, more than 0; rounded up to whole pages
     * @throws VfioException when the device refuses the mapping
     * @throws dev.muser.linux.SyscallException ENOMEM and the like when there is no memory
     */
    public DmaBuffer allocate(long size, DmaAccess access, DmaMemory kind) {
        if (size <= 0 || size > MAX_SIZE) {
            throw new IllegalArgumentException(
                    "a DMA buffer of %d bytes: 1 byte to 1 TiB can be had".formatted(size));
        }
        long page =
                kind == DmaMemory.HUGE_PAGES && size >= DmaBuffer.HUGE_PAGE
                        ? DmaBuffer.HUGE_PAGE
                        : PAGE;
        var pages = page == PAGE && kind == DmaMemory.HUGE_PAGES ? DmaMemory.PAGES : kind;
        return DmaBuffer.create(this, device, (size + page - 1) & -page, access, pages);
    }

    /** Closes all buffers. */
    @Override
    public void close() {
        PciFunction.closeAll(buffers.values());
    }

    long takeIova(long size, long alignment) {
        return addresses.take(size, alignment);
    }

    void add(DmaBuffer buffer) {
        buffers.put(buffer.iova(), buffer);
    }

    void forget(DmaBuffer buffer) {
        buffers.remove(buffer.iova());
        addresses.give(buffer.iova());
    }

    /** A device that is gone has lost its mappings too. */
    void release(DmaBuffer buffer) {
        try {
            device.unmapDma(buffer.iova(), buffer.size());
        } catch (DisconnectedException gone) {
            return;
        } finally {
            forget(buffer);
        }
    }

    private final class Port implements DmaPort {
        @Override
        public void read(long iova, MemorySegment into, DmaCompletion completion) {
            completion.done(copy(iova, into, DmaAccess.READ));
        }

        @Override
        public void write(long iova, MemorySegment from, DmaCompletion completion) {
            completion.done(copy(iova, from, DmaAccess.WRITE));
        }

        /** A transfer may run through several buffers; it is refused as a whole. */
        private int copy(long iova, MemorySegment data, DmaAccess wanted) {
            long size = data.byteSize();
            for (long done = 0; done < size; ) {
                var buffer = find(iova + done);
                if (buffer == null) {
                    return Errno.EFAULT;
                }
                if (!buffer.access().allows(wanted)) {
                    return Errno.EACCES;
                }
                done += buffer.iova() + buffer.size() - (iova + done);
            }
            for (long done = 0; done < size; ) {
                var buffer = find(iova + done);
                if (buffer == null) {
                    return Errno.EFAULT;
                }
                long at = iova + done - buffer.iova();
                long part = Math.min(size - done, buffer.size() - at);
                if (wanted == DmaAccess.READ) {
                    MemorySegment.copy(buffer.segment(), at, data, done, part);
                } else {
                    MemorySegment.copy(data, done, buffer.segment(), at, part);
                }
                done += part;
            }
            return 0;
        }

        private @Nullable DmaBuffer find(long iova) {
            var entry = buffers.floorEntry(iova);
            return entry != null && iova - entry.getKey() < entry.getValue().size()
                    ? entry.getValue()
                    : null;
        }
    }
}
