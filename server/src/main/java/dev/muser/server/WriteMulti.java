package dev.muser.server;

import dev.muser.device.VfioDevice;
import dev.muser.device.VfioException;
import dev.muser.linux.Errno;
import dev.muser.protocol.RegionWriteMulti;
import java.lang.foreign.MemorySegment;

/** REGION_WRITE_MULTI: several small writes in one message. */
final class WriteMulti {
    private final VfioDevice device;
    private final Replies replies;
    private final boolean agreed;
    private final int regionCount;
    private final RegionWriteMulti request = new RegionWriteMulti();

    WriteMulti(VfioDevice device, Replies replies, Limits limits) {
        this.device = device;
        this.replies = replies;
        agreed = limits.writeMultiple();
        regionCount = device.info().regions();
    }

    /** Hot. The writes are done in order, up to the first that is refused. */
    void write(MemorySegment buffer, int start, int length) {
        request.wrap(buffer, start, length);
        int errno = agreed ? request.validateRequest(regionCount) : Errno.EINVAL;
        if (errno != 0) {
            replies.error(errno);
            return;
        }
        int done = 0;
        try {
            for (; done < request.writes(); done++) {
                device.writeRegion(
                        request.region(done),
                        request.regionOffset(done),
                        buffer,
                        request.dataOffset(done),
                        request.count(done));
            }
        } catch (VfioException e) {
            if (done == 0) {
                throw e;
            }
        }
        int at = replies.room(RegionWriteMulti.SIZE);
        replies.send(RegionWriteMulti.encodeReply(replies.memory(), at, done));
    }
}
