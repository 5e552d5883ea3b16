package dev.muser.device.pci;

import dev.muser.device.DirtyLog;
import dev.muser.device.VfioException;
import dev.muser.device.state.DeviceHome;
import dev.muser.device.state.StateArea;
import dev.muser.device.state.StateSegment;
import dev.muser.linux.Errno;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The log of what a device writes to a {@link GuestMemory}. Of a device that outlives its process
 * it does so too: a successor reports what this process has written.
 *
 * <p>Pages are logged before they are written. What the system writes in the background, for {@link
 * ScatterList}s that are {@linkplain ScatterList#beginWrites being written}, is marked for as long:
 * at the start, and again after each report.
 */
final class MemoryLog implements DirtyLog {
    /** Pages of 4096 are enough to know, and few enough to keep. */
    private static final int LARGEST_SHIFT = 12;

    /**
     * Together 256 MiB of bitmap, as a session's {@code max_bitmap_size} says: 8 TiB of guest
     * memory in pages of 4096.
     */
    static final int CHUNKS = 1 << 16;

    // the area "dirty-log", if the device outlives its process: whether it is on @0, page size @8,
    // number of ranges @16, from @64 on the ranges, each address and length
    private static final String AREA = "dirty-log";
    private static final String BITS_AREA = "dirty-pages";
    private static final int ON = 0;
    private static final int PAGE_SIZE = 8;
    private static final int COUNT = 16;
    private static final int RANGES = 64;
    private static final long AREA_SIZE = RANGES + 16L * MAX_RANGES;

    private final GuestMemory memory;
    private final int limit;
    private @Nullable StateSegment segment;
    private @Nullable StateArea area;
    private @Nullable LogMemory bitsMemory;
    private @Nullable DirtyBits bits;
    private long pageSize;
    private Range[] ranges = {};

    /** The first of the lists that the system may be writing to at this moment. */
    private @Nullable ScatterList firstWritten;

    /**
     * @param limit how many {@linkplain DirtyBits chunks} there can be
     */
    MemoryLog(GuestMemory memory, int limit) {
        this.memory = memory;
        this.limit = limit;
    }

    /**
     * Keeps the log where the device's state is, and goes on with what a process before this one
     * has there.
     */
    void bind(DeviceHome home) {
        segment = home.segment();
        var kept = segment.area(AREA, AREA_SIZE);
        area = kept;
        if (kept.getLong(ON) != 0) {
            resume(kept, segment);
        }
    }

    private void resume(StateArea left, StateSegment from) {
        pageSize = left.getLong(PAGE_SIZE);
        ranges = new Range[Math.clamp(left.getLong(COUNT), 0, MAX_RANGES)];
        for (int i = 0; i < ranges.length; i++) {
            ranges[i] = new Range(left.getLong(rangeAt(i)), left.getLong(rangeAt(i) + 8));
        }
        var kept = LogMemory.of(from.area(BITS_AREA, DirtyBits.bytesFor(limit)));
        use(kept, false);
    }

    private static long rangeAt(int i) {
        return RANGES + 16L * i;
    }

    private void use(LogMemory newMemory, boolean fresh) {
        int shift = Math.min(LARGEST_SHIFT, Long.numberOfTrailingZeros(pageSize));
        bitsMemory = newMemory;
        bits = new DirtyBits(newMemory, limit, shift, fresh, memory.marked());
        memory.logTo(bits);
    }

    /** Hot. Adds a list to those that the system is writing to; also while the log is off. */
    void add(ScatterList written) {
        var next = firstWritten;
        written.nextWritten = next;
        if (next != null) {
            next.previousWritten = written;
        }
        firstWritten = written;
        written.mark(0, written.length());
    }

    /** Hot. Takes it from them. */
    void remove(ScatterList written) {
        var next = written.nextWritten;
        var previous = written.previousWritten;
        if (previous == null) {
            firstWritten = next;
        } else {
            previous.nextWritten = next;
        }
        if (next != null) {
            next.previousWritten = previous;
        }
        written.nextWritten = null;
        written.previousWritten = null;
    }

    private void markWrites() {
        for (var list = firstWritten; list != null; list = list.nextWritten) {
            list.mark(0, list.length());
        }
    }

    @Override
    public boolean isOn() {
        return bits != null;
    }

    @Override
    public void start(long newPageSize, List<Range> newRanges) {
        requirePageSize(newPageSize);
        var sorted = sorted(newRanges);
        if (bits != null) {
            if (newPageSize == pageSize && List.of(sorted).equals(List.of(ranges))) {
                return;
            }
            throw refused("is on already, in another way");
        }
        pageSize = newPageSize;
        ranges = sorted;
        use(newMemory(), true);
        note();
        markWrites();
    }

    private LogMemory newMemory() {
        long size = DirtyBits.bytesFor(limit);
        var s = segment;
        return s == null ? LogMemory.own(size) : LogMemory.of(s.area(BITS_AREA, size));
    }

    private static void requirePageSize(long size) {
        if (Long.bitCount(size) != 1 || size < 0 || size > MAX_PAGE) {
            throw refused(
                    "cannot have pages of %s bytes: they are powers of two up to %d"
                            .formatted(Long.toUnsignedString(size), MAX_PAGE));
        }
    }

    private static Range[] sorted(List<Range> ranges) {
        if (ranges.size() > MAX_RANGES) {
            throw refused("of %d ranges: it takes %d at most".formatted(ranges.size(), MAX_RANGES));
        }
        var sorted = ranges.toArray(new Range[0]);
        Arrays.sort(sorted, Comparator.comparingLong(range -> range.iova() ^ Long.MIN_VALUE));
        for (int i = 0; i < sorted.length; i++) {
            var range = sorted[i];
            requireRange(range.iova(), range.length());
            if (i > 0
                    && Long.compareUnsigned(
                                    sorted[i - 1].iova() + sorted[i - 1].length() - 1, range.iova())
                            >= 0) {
                throw refused("of ranges that overlap at 0x%x".formatted(range.iova()));
            }
        }
        return sorted;
    }

    private static void requireRange(long iova, long length) {
        if (length == 0 || Long.compareUnsigned(iova + length - 1, iova) < 0) {
            throw refused("of 0x%x bytes at 0x%x".formatted(length, iova));
        }
    }

    /** Notes how it is on, for a successor. */
    private void note() {
        var a = area;
        if (a == null) {
            return;
        }
        a.setLong(PAGE_SIZE, pageSize);
        a.setLong(COUNT, ranges.length);
        for (int i = 0; i < ranges.length; i++) {
            a.setLong(rangeAt(i), ranges[i].iova());
            a.setLong(rangeAt(i) + 8, ranges[i].length());
        }
        a.setLong(ON, 1);
    }

    @Override
    public void stop() {
        if (bits == null) {
            return;
        }
        if (area != null) {
            area.setLong(ON, 0);
        }
        leave(true);
    }

    /** Lets go of it. */
    void leave() {
        leave(false);
    }

    private void leave(boolean forget) {
        memory.logTo(null);
        bits = null;
        ranges = new Range[0];
        var m = bitsMemory;
        bitsMemory = null;
        if (m != null) {
            m.release(forget ? segment : null);
        }
    }

    @Override
    public void report(long iova, long length, long reportPage, MemorySegment bitmap, long at) {
        var b = bits;
        if (b == null) {
            throw refused("is off");
        }
        requireRange(iova, length);
        if (Long.bitCount(reportPage) != 1 || Long.compareUnsigned(reportPage, length) > 0) {
            throw refused(
                    "cannot report 0x%x bytes by pages of 0x%x".formatted(length, reportPage));
        }
        bitmap.asSlice(at, DirtyLog.bitmapBytes(length, reportPage)).fill((byte) 0);
        var report = new DirtyReport(iova, length, reportPage, ranges, bitmap, at);
        if (b.overflow()) {
            report.addAll();
        }
        long first = iova >>> b.shift();
        long last = (iova + length - 1) >>> b.shift();
        long firstNumber = first >>> DirtyBits.PAGES_SHIFT;
        long lastNumber = last >>> DirtyBits.PAGES_SHIFT;
        if (lastNumber - firstNumber < b.chunks()) {
            for (long number = firstNumber; number <= lastNumber; number++) {
                take(b, b.find(number), report, iova, length);
            }
        } else {
            for (int chunk = 0; chunk < b.chunks(); chunk++) {
                long number = b.numberOf(chunk);
                if (number >= firstNumber && number <= lastNumber) {
                    take(b, chunk, report, iova, length);
                }
            }
        }
        markWrites(); // they go on
    }

    /** Reports what is marked in a chunk, and forgets what is reported as a whole. */
    private void take(DirtyBits b, int chunk, DirtyReport report, long iova, long length) {
        if (chunk < 0) {
            return;
        }
        long number = b.numberOf(chunk);
        long first = iova >>> b.shift();
        long last = (iova + length - 1) >>> b.shift();
        int from = first >>> DirtyBits.PAGES_SHIFT == number ? DirtyBits.inChunk(first) : 0;
        int to =
                last >>> DirtyBits.PAGES_SHIFT == number
                        ? DirtyBits.inChunk(last)
                        : (1 << DirtyBits.PAGES_SHIFT) - 1;
        report.add(b, chunk, from, to);
        boolean skipsFirst =
                first >>> DirtyBits.PAGES_SHIFT == number && isMore(b, first, iova, length);
        boolean skipsLast =
                last >>> DirtyBits.PAGES_SHIFT == number && isMore(b, last, iova, length);
        from += skipsFirst ? 1 : 0;
        to -= skipsLast ? 1 : 0;
        if (from <= to) {
            b.forget(chunk, from, to);
        }
    }

    /** Whether a page has memory that is not in the range: it is still to be reported. */
    private boolean isMore(DirtyBits b, long page, long iova, long length) {
        long start = page << b.shift();
        long end = start + (1L << b.shift()) - 1;
        long last = iova + length - 1;
        return (Long.compareUnsigned(start, iova) < 0 && memory.hasAny(start, iova - 1))
                || (Long.compareUnsigned(end, last) > 0 && memory.hasAny(last + 1, end));
    }

    private static VfioException refused(String why) {
        return new VfioException(Errno.EINVAL, "log of what the device writes " + why);
    }
}
