package dev.muser.protocol;

import java.lang.foreign.MemorySegment;

/** The data of SET {@link DeviceFeature#DMA_LOGGING_START}: log which pages the device writes. */
public final class DmaLoggingStart extends Payload {
    // struct vfio_device_feature_dma_logging_control {
    //     u64 page_size;     @0
    //     u32 num_ranges;    @8
    //     u32 reserved;      @12
    //     struct { u64 iova; u64 length; } ranges[];    @16
    // };
    private static final int PAGE_SIZE = 0;
    private static final int NUM_RANGES = 8;
    private static final int RANGES = 16;

    /** Length in bytes of the fixed part. */
    public static final int SIZE = 16;

    /** Length of a range in bytes. */
    public static final int RANGE = 16;

    public DmaLoggingStart wrap(MemorySegment segment, long offset, int length) {
        point(segment, offset, length);
        return this;
    }

    /** Checks a request: a page size that is a power of two, and ranges that do not wrap. */
    public int validateRequest() {
        if (length() < SIZE
                || !Wire.isPowerOfTwo(pageSize())
                || u32(NUM_RANGES) > (length() - SIZE) / RANGE) {
            return Wire.EINVAL;
        }
        int ranges = rangeCount();
        for (int i = 0; i < ranges; i++) {
            if (Wire.wraps(iova(i), rangeLength(i))) {
                return Wire.EINVAL;
            }
        }
        return 0;
    }

    /** Returns the bytes that one bit of a report is to stand for, a power of two. */
    public long pageSize() {
        return u64(PAGE_SIZE);
    }

    /** Returns how many ranges are named; 0 is none, and libvfio-user logs everything anyway. */
    public int rangeCount() {
        return i32(NUM_RANGES);
    }

    /** Returns the first address of range {@code i}: unsigned. */
    public long iova(int i) {
        return u64(RANGES + (long) RANGE * i);
    }

    /** Returns the length of range {@code i} in bytes: unsigned. */
    public long rangeLength(int i) {
        return u64(RANGES + (long) RANGE * i + 8);
    }

    /** Writes the fixed part; {@link #encodeRange} adds the ranges. Returns the whole length. */
    public static int encodeRequest(MemorySegment segment, long at, long pageSize, int rangeCount) {
        Wire.u64(segment, at + PAGE_SIZE, pageSize);
        Wire.u32(segment, at + NUM_RANGES, rangeCount);
        Wire.u32(segment, at + NUM_RANGES + 4, 0);
        return SIZE + RANGE * rangeCount;
    }

    /** Writes range {@code i} of a request whose data are at {@code at}. */
    public static void encodeRange(MemorySegment segment, long at, int i, long iova, long length) {
        Wire.u64(segment, at + RANGES + (long) RANGE * i, iova);
        Wire.u64(segment, at + RANGES + (long) RANGE * i + 8, length);
    }
}
