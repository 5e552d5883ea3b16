package dev.muser.server;

import dev.muser.device.DirtyLog;
import dev.muser.device.VfioException;
import dev.muser.linux.Errno;
import java.lang.foreign.MemorySegment;
import java.util.List;

/** A log that writes down what it is asked, and reports that every page was written. */
final class FakeDirtyLog implements DirtyLog {
    private final List<String> calls;
    private boolean on;

    /**
     * @param calls where it is written down
     */
    FakeDirtyLog(List<String> calls) {
        this.calls = calls;
    }

    @Override
    public boolean isOn() {
        return on;
    }

    @Override
    public void start(long pageSize, List<Range> ranges) {
        if (Long.compareUnsigned(pageSize, MAX_PAGE) > 0) {
            throw new VfioException(Errno.EINVAL, "pages of " + pageSize);
        }
        on = true;
        calls.add("log by %d: %s".formatted(pageSize, ranges));
    }

    @Override
    public void stop() {
        on = false;
        calls.add("log no more");
    }

    @Override
    public void report(long iova, long length, long pageSize, MemorySegment bitmap, long at) {
        if (!on) {
            throw new VfioException(Errno.EINVAL, "off");
        }
        calls.add("report 0x%x 0x%x by %d".formatted(iova, length, pageSize));
        bitmap.asSlice(at, DirtyLog.bitmapBytes(length, pageSize)).fill((byte) 0xff);
    }
}
