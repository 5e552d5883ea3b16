package dev.muser.device.pci;

import dev.muser.device.DirtyLog.Range;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * A bitmap for a client, of a range and by pages of its own choice, made of the {@link DirtyBits}
 * that overlap it.
 */
final class DirtyReport {
    private static final ValueLayout.OfLong LONG =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final long iova;
    private final long last;
    private final int shift;
    private final Range[] ranges;
    private final MemorySegment bitmap;
    private final long at;

    /**
     * @param length not 0; {@code iova + length} does not wrap
     * @param pageSize a power of two
     * @param ranges what is logged, in ascending order; none for everything
     * @param bitmap as long as it has to be from {@code at} on, and zero
     */
    DirtyReport(
            long iova, long length, long pageSize, Range[] ranges, MemorySegment bitmap, long at) {
        this.iova = iova;
        this.last = iova + length - 1;
        shift = Long.numberOfTrailingZeros(pageSize);
        this.ranges = ranges;
        this.bitmap = bitmap;
        this.at = at;
    }

    /** Adds all of the range that is logged. */
    void addAll() {
        add(iova, last);
    }

    /** Adds what is marked in pages {@code from} to {@code to} of a chunk. */
    void add(DirtyBits bits, int chunk, int from, int to) {
        long firstPage = bits.numberOf(chunk) << DirtyBits.PAGES_SHIFT;
        boolean straight =
                bits.shift() == shift && (iova & ((1L << shift) - 1)) == 0 && ranges.length == 0;
        for (int word = from >>> 6; word <= to >>> 6; word++) {
            long marked = bits.word(chunk, word) & DirtyBits.mask(word, from, to);
            if (marked != 0) {
                long page = firstPage + word * 64L;
                if (straight) {
                    addWord(page - (iova >>> shift), marked);
                } else {
                    addRuns(page, marked, bits.shift());
                }
            }
        }
    }

    /** Adds 64 pages that are the client's, too. */
    private void addWord(long bit, long marked) {
        if (bit < 0) {
            or(0, marked >>> -bit);
            return;
        }
        or(bit >>> 6, marked << bit);
        if ((bit & 63) != 0 && marked >>> (64 - (bit & 63)) != 0) {
            or((bit >>> 6) + 1, marked >>> (64 - (bit & 63)));
        }
    }

    private void or(long word, long mask) {
        long p = at + word * 8;
        bitmap.set(LONG, p, bitmap.get(LONG, p) | mask);
    }

    private void addRuns(long page, long marked, int pageShift) {
        long left = marked;
        while (left != 0) {
            int from = Long.numberOfTrailingZeros(left);
            int run = Long.numberOfTrailingZeros(~(left >>> from));
            int to = Math.min(from + run, 64) - 1;
            long end = add((page + from) << pageShift, ((page + to + 1) << pageShift) - 1);
            left = to == 63 ? 0 : left & (-1L << (to + 1));
            // one bit of the client's is enough for all that is marked in its page
            while (left != 0) {
                int next = Long.numberOfTrailingZeros(left);
                long pageEnd = ((page + next + 1) << pageShift) - 1;
                if (ranges.length != 0 || Long.compareUnsigned(pageEnd, end) > 0) {
                    break;
                }
                left &= left - 1;
            }
        }
    }

    /**
     * Adds addresses {@code from} to {@code to}, as far as they are in the range and logged;
     * returns the last address that the client's page of {@code to} has.
     */
    private long add(long from, long to) {
        long first = max(from, iova);
        long end = min(to, last);
        if (ranges.length == 0) {
            fill(first, end);
        }
        for (var range : ranges) {
            long low = max(first, range.iova());
            long high = min(end, range.iova() + range.length() - 1);
            if (Long.compareUnsigned(low, high) <= 0) {
                fill(low, high);
            }
        }
        return iova + ((end - iova) | ((1L << shift) - 1));
    }

    private void fill(long first, long end) {
        long from = (first - iova) >>> shift;
        long to = (end - iova) >>> shift;
        for (long word = from >>> 6; word <= to >>> 6; word++) {
            long low = word == from >>> 6 ? -1L << from : -1L;
            or(word, word == to >>> 6 ? low & (-1L >>> (63 - (to & 63))) : low);
        }
    }

    private static long max(long a, long b) {
        return Long.compareUnsigned(a, b) >= 0 ? a : b;
    }

    private static long min(long a, long b) {
        return Long.compareUnsigned(a, b) <= 0 ? a : b;
    }
}
