package dev.muser.server;

import dev.muser.device.DirtyLog;
import dev.muser.device.VfioDevice;
import dev.muser.device.VfioException;
import dev.muser.linux.Errno;
import dev.muser.protocol.DeviceFeature;
import dev.muser.protocol.DmaLoggingReport;
import dev.muser.protocol.DmaLoggingStart;
import java.util.ArrayList;
import org.jspecify.annotations.Nullable;

/** DEVICE_FEATURE DMA_LOGGING_START, _STOP and _REPORT: which memory the device has written. */
final class Logging {
    private final VfioDevice device;
    private final Replies replies;
    private final int maxReply;
    private final DmaLoggingStart start = new DmaLoggingStart();
    private final DmaLoggingReport report = new DmaLoggingReport();

    /**
     * @param maxReply the longest payload of a reply, in bytes
     */
    Logging(VfioDevice device, Replies replies, int maxReply) {
        this.device = device;
        this.replies = replies;
        this.maxReply = maxReply;
    }

    /** Returns the methods that a feature has, or 0 when it is none of these. */
    static int methods(int feature) {
        return switch (feature) {
            case DeviceFeature.DMA_LOGGING_START, DeviceFeature.DMA_LOGGING_STOP ->
                    DeviceFeature.SET;
            case DeviceFeature.DMA_LOGGING_REPORT -> DeviceFeature.GET;
            default -> 0;
        };
    }

    @Nullable DirtyLog log() {
        return device.dirtyLog();
    }

    /** Does what a request asks for that is not a probe, and whose methods are right. */
    void handle(DeviceFeature request, DirtyLog log) {
        switch (request.feature()) {
            case DeviceFeature.DMA_LOGGING_START -> start(request, log);
            case DeviceFeature.DMA_LOGGING_REPORT -> report(request, log);
            default -> log.stop();
        }
    }

    private void start(DeviceFeature request, DirtyLog log) {
        start.wrap(request.segment(), request.dataOffset(), request.dataLength());
        if (start.validateRequest() != 0) {
            throw new VfioException(
                    Errno.EINVAL,
                    "DMA_LOGGING_START with %d bytes of data, or of ranges that wrap around"
                            .formatted(request.dataLength()));
        }
        var ranges = new ArrayList<DirtyLog.Range>();
        for (int i = 0; i < start.rangeCount(); i++) {
            ranges.add(new DirtyLog.Range(start.iova(i), start.rangeLength(i)));
        }
        log.start(start.pageSize(), ranges);
    }

    private void report(DeviceFeature request, DirtyLog log) {
        report.wrap(request.segment(), request.dataOffset(), request.dataLength());
        if (report.validateRequest(request.room(), maxReply - DeviceFeature.SIZE) != 0) {
            throw new VfioException(
                    Errno.EINVAL,
                    "DMA_LOGGING_REPORT with %d bytes of data and room for %d"
                            .formatted(request.dataLength(), request.room()));
        }
        int length = DmaLoggingReport.BITMAP + report.bitmapBytes();
        int at = replies.room(DeviceFeature.SIZE + length);
        var memory = replies.memory();
        long data = (long) at + DeviceFeature.encode(memory, at, request.flags(), length);
        long iova = report.iova();
        long size = report.rangeLength();
        long pageSize = report.pageSize();
        DmaLoggingReport.encode(memory, data, iova, size, pageSize);
        log.report(iova, size, pageSize, memory, data + DmaLoggingReport.BITMAP);
        replies.send(DeviceFeature.SIZE + length);
    }
}
