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

    Memory(VfioDevice device, Replies replies, Limits limits) {
        this.device = device;
        this.replies = replies;
        this.maxReply = limits.maxTransfer();
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
            throw new VfioException(Errno.EINVAL, "dirty pages are not being logged");
        }
        if (unmap.isAll()) {
            device.unmapAllDma();
        } else {
            device.unmapDma(unmap.address(), unmap.size());
        }
        int at = replies.room(unmap.replyLength());
        replies.send(DmaUnmap.encodeReply(replies.memory(), at, unmap));
    }
}
