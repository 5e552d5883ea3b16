package dev.muser.protocol;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** The integers of the wire: little-endian, at any alignment. */
final class Wire {
    /** Linux's EINVAL: nearly all that validation has to say. The value is part of the protocol. */
    static final int EINVAL = 22;

    private static final ValueLayout.OfShort U16 =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt U32 =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong U64 =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private Wire() {}

    static int u16(MemorySegment segment, long offset) {
        return Short.toUnsignedInt(segment.get(U16, offset));
    }

    static long u32(MemorySegment segment, long offset) {
        return Integer.toUnsignedLong(segment.get(U32, offset));
    }

    static int i32(MemorySegment segment, long offset) {
        return segment.get(U32, offset);
    }

    static long u64(MemorySegment segment, long offset) {
        return segment.get(U64, offset);
    }

    static void u16(MemorySegment segment, long offset, int value) {
        segment.set(U16, offset, (short) value);
    }

    static void u32(MemorySegment segment, long offset, long value) {
        segment.set(U32, offset, (int) value);
    }

    static void u64(MemorySegment segment, long offset, long value) {
        segment.set(U64, offset, value);
    }

    /** Whether {@code start + size} is above 2^64; a range that ends at the very top is not. */
    static boolean wraps(long start, long size) {
        return size != 0 && Long.compareUnsigned(start + (size - 1), start) < 0;
    }

    /** Whether [{@code start}, {@code start + size}) lies in [0, {@code limit}), all unsigned. */
    static boolean within(long start, long size, long limit) {
        return Long.compareUnsigned(start, limit) <= 0
                && Long.compareUnsigned(size, limit - start) <= 0;
    }

    static boolean isPowerOfTwo(long value) {
        return Long.bitCount(value) == 1;
    }

    /**
     * Bytes of a dirty bitmap: whole 64-bit words, one bit per page. {@code pageSize} must be a
     * power of two; the result is unsigned and cannot overflow.
     */
    static long bitmapBytes(long size, long pageSize) {
        int shift = Long.numberOfTrailingZeros(pageSize);
        long pages = (size >>> shift) + ((size & (pageSize - 1)) != 0 ? 1 : 0);
        long words = (pages >>> 6) + ((pages & 63) != 0 ? 1 : 0);
        return words << 3;
    }
}
