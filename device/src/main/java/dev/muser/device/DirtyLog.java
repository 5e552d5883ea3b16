package dev.muser.device;

import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * Which of the client's memory the device has written ({@code
 * VFIO_DEVICE_FEATURE_DMA_LOGGING_START}, {@code _STOP} and {@code _REPORT}), so that a client that
 * copies its memory elsewhere knows what to copy again.
 *
 * <p>What the device writes to memory that it shares with the client is in the log. What it writes
 * by message ({@link DmaPort#write}) is not: the client does that itself. The log is off when a
 * session begins, and when it ends. Addresses and lengths are unsigned.
 *
 * <p>All calls come from the device's thread.
 */
public interface DirtyLog {

    /** How many ranges {@link #start} takes, as the kernel does ({@code LOG_MAX_RANGES}). */
    int MAX_RANGES = 256;

    /** The largest page that can be logged by, in bytes: the largest that x86 has. */
    long MAX_PAGE = 1L << 30;

    /** A range of the client's addresses; neither empty nor beyond 2^64. */
    record Range(long iova, long length) {}

    /** Whether writes are logged. */
    boolean isOn();

    /**
     * Begins to log. Beginning again in the same way changes nothing, and forgets nothing.
     *
     * @param pageSize in bytes, a power of two: what {@link #report} will ask by, at least. Larger
     *     pages than 4096 are logged by 4096
     * @param ranges what is to be logged; none for all there is. At most {@value #MAX_RANGES}
     * @throws VfioException EINVAL when the page size cannot be, a range is empty or wraps around,
     *     two overlap, there are too many, or it is on in another way
     */
    void start(long pageSize, List<Range> ranges);

    /** Ends it and forgets what was written. Does nothing when it is off. */
    void stop();

    /**
     * Says which pages of a range have been written since they were last reported, and forgets it.
     * The range may cover any mappings, and none; what has been unmapped since is still reported.
     * What is being written at this moment is reported now, and again when it is over.
     *
     * @param length in bytes, more than 0; {@code iova + length} does not wrap
     * @param pageSize in bytes, a power of two: what one bit stands for, counted from {@code iova}.
     *     For pages smaller than those that are logged, all parts of one are reported, and it is
     *     forgotten only with a report on all of it
     * @param bitmap gets {@link #bitmapBytes} bytes: the lowest bit of the first is the first page;
     *     bits beyond the range are 0
     * @throws VfioException EINVAL when it is off, or for such a length or page size
     */
    void report(long iova, long length, long pageSize, MemorySegment bitmap, long at);

    /** Returns how long a bitmap is, in bytes: whole 64-bit words, one bit for each page. */
    static long bitmapBytes(long length, long pageSize) {
        int shift = Long.numberOfTrailingZeros(pageSize);
        long pages = (length >>> shift) + ((length & (pageSize - 1)) != 0 ? 1 : 0);
        return ((pages >>> 6) + ((pages & 63) != 0 ? 1 : 0)) << 3;
    }
}
