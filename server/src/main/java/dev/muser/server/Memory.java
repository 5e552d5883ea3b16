package dev.muser.server;

import dev.muser.device.DmaAccess;
import dev.muser.device.VfioDevice;
import dev.muser.device.VfioException;
import dev.muser.linux.Errno;
import dev.muser.protocol.DmaMap;
import dev.muser.protocol.DmaUnmap;
import java.lang.foreign.MemorySegment;

/** DMA_MAP and DMA_UNMAP. */
final class Memory {
    private final VfioDevice device;
    private final Replies replies;
    private final DmaMap map = new DmaMap();
    private final DmaUnmap unmap = new DmaUnmap();
    private final int maxReply;

    /**
     * @param maxReply the longest payload of a reply, in bytes
     */
    Memory(VfioDevice device, Replies replies, int maxReply) {
        this.device = device;
        this.replies = replies;
        this.maxReply = maxReply;
    }

    void map(MemorySegment buffer, int start, int length, Requests requests) {
        map.wrap(buffer, start, length);
        int errno = map.validateRequest(requests.descriptorCount());
        if (errno != 0) {
            replies.error(errno);
            return;
        }
        var descriptors = requests.takeDescriptors();
        device.mapDma(
                map.address(),
                map.size(),
                DmaAccess.of(map.isReadable(), map.isWriteable()),
                descriptors.isEmpty() ? null : descriptors.getFirst(),
                map.fileOffset());
        replies.done();
    }

    void unmap(MemorySegment buffer, int start, int length) {
        unmap.wrap(buffer, start, length);
        int errno = unmap.validateRequest(maxReply);
        if (errno != 0) {
            replies.error(errno);
            return;
        }
        if (unmap.wantsBitmap()) {
            unmapAndReport();
            return;
        }
        if (unmap.isAll()) {
            device.unmapAllDma();
        } else {
            device.unmapDma(unmap.address(), unmap.size());
        }
        int at = replies.room(unmap.replyLength());
        replies.send(DmaUnmap.encodeReply(replies.memory(), at, unmap));
    }

    /** What was written until the very end of the mapping is in the bitmap. */
    private void unmapAndReport() {
        var log = device.dirtyLog();
        if (log == null || !log.isOn()) {
            throw new VfioException(Errno.EINVAL, "dirty pages are not being logged");
        }
        if (Long.compareUnsigned(unmap.pageSize(), unmap.size()) > 0) {
            throw new VfioException(
                    Errno.EINVAL,
                    "dirty bitmap by pages of 0x%x for a mapping of 0x%x bytes"
                            .formatted(unmap.pageSize(), unmap.size()));
        }
        device.unmapDma(unmap.address(), unmap.size());
        int at = replies.room(unmap.replyLength());
        int length = DmaUnmap.encodeReply(replies.memory(), at, unmap);
        log.report(
                unmap.address(),
                unmap.size(),
                unmap.pageSize(),
                replies.memory(),
                at + (long) DmaUnmap.BITMAP);
        replies.send(length);
    }
}
