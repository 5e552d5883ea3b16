package dev.muser.client;

import dev.muser.device.DirtyLog;
import dev.muser.device.VfioException;
import dev.muser.linux.Errno;
import dev.muser.protocol.Command;
import dev.muser.protocol.DeviceFeature;
import dev.muser.protocol.DmaLoggingReport;
import dev.muser.protocol.DmaLoggingStart;
import dev.muser.protocol.Header;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A device's log of what it writes, by messages: DEVICE_FEATURE DMA_LOGGING_*. */
final class RemoteDirtyLog implements DirtyLog {
    private static final int DATA = Header.SIZE + DeviceFeature.DATA;

    /** So many pages are asked for at once: a message with 32 KiB of bitmap. */
    private static final long PAGES_AT_ONCE = 1 << 18;

    private final Connection connection;
    private final DeviceFeature feature = new DeviceFeature();
    private final DmaLoggingReport report = new DmaLoggingReport();
    private boolean on;

    private RemoteDirtyLog(Connection connection) {
        this.connection = connection;
    }

    /** Returns null when the server refuses to log. */
    static @Nullable RemoteDirtyLog probe(Connection connection) {
        int flags = DeviceFeature.DMA_LOGGING_START | DeviceFeature.SET | DeviceFeature.PROBE;
        var request = connection.request(DeviceFeature.SIZE);
        int length = DeviceFeature.encode(request, Header.SIZE, flags, 0);
        try {
            connection.call(Command.DEVICE_FEATURE, length);
            return new RemoteDirtyLog(connection);
        } catch (VfioException refused) {
            return null;
        }
    }

    @Override
    public boolean isOn() {
        return on;
    }

    @Override
    public void start(long pageSize, List<Range> ranges) {
        if (ranges.size() > MAX_RANGES) {
            throw new VfioException(
                    Errno.EINVAL,
                    "log of %d ranges: it takes %d at most".formatted(ranges.size(), MAX_RANGES));
        }
        control(DeviceFeature.DMA_LOGGING_START, pageSize, ranges);
        on = true;
    }

    @Override
    public void stop() {
        if (on) {
            control(DeviceFeature.DMA_LOGGING_STOP, 4096, List.of());
            on = false;
        }
    }

    /** The end has the data of the beginning, as the specification wants; the kernel's has none. */
    private void control(int which, long pageSize, List<Range> ranges) {
        int data = DmaLoggingStart.SIZE + DmaLoggingStart.RANGE * ranges.size();
        var request = connection.request(DeviceFeature.SIZE + data);
        DeviceFeature.encode(request, Header.SIZE, which | DeviceFeature.SET, data);
        DmaLoggingStart.encodeRequest(request, DATA, pageSize, ranges.size());
        for (int i = 0; i < ranges.size(); i++) {
            var range = ranges.get(i);
            DmaLoggingStart.encodeRange(request, DATA, i, range.iova(), range.length());
        }
        connection.call(Command.DEVICE_FEATURE, DeviceFeature.SIZE + data);
    }

    @Override
    public void report(long iova, long length, long pageSize, MemorySegment bitmap, long at) {
        if (Long.bitCount(pageSize) != 1 || Long.compareUnsigned(pageSize, length) > 0) {
            throw new VfioException(
                    Errno.EINVAL,
                    "report on 0x%x bytes by pages of 0x%x".formatted(length, pageSize));
        }
        int shift = Long.numberOfTrailingZeros(pageSize);
        long pages = length >>> shift; // whole ones: what is left over goes with the last of them
        for (long done = 0; done < pages; ) {
            long n = Math.min(pages - done, PAGES_AT_ONCE);
            boolean last = done + n == pages;
            long size = last ? length - (done << shift) : n << shift;
            ask(iova + (done << shift), size, pageSize, bitmap, at + done / 8);
            done += n;
        }
    }

    private void ask(long iova, long length, long pageSize, MemorySegment bitmap, long at) {
        int flags = DeviceFeature.DMA_LOGGING_REPORT | DeviceFeature.GET;
        int room = DmaLoggingReport.BITMAP + (int) DirtyLog.bitmapBytes(length, pageSize);
        int sent = DeviceFeature.SIZE + DmaLoggingReport.SIZE;
        var request = connection.request(sent);
        DeviceFeature.encode(request, Header.SIZE, flags, room);
        DmaLoggingReport.encode(request, DATA, iova, length, pageSize);
        int replied = connection.call(Command.DEVICE_FEATURE, sent);
        feature.wrap(connection.reply(), connection.replyAt(), replied);
        boolean whole = feature.validateReply(flags, DeviceFeature.SIZE + room) == 0;
        if (whole) {
            report.wrap(feature.segment(), feature.dataOffset(), feature.dataLength());
        }
        if (!whole || report.validateReply(iova, length, pageSize) != 0) {
            throw connection.violated(
                    "DMA_LOGGING_REPORT reply of %d bytes to a request for 0x%x bytes"
                            .formatted(replied, length));
        }
        MemorySegment.copy(
                report.segment(), report.bitmapOffset(), bitmap, at, report.bitmapBytes());
    }
}
