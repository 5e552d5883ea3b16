package dev.muser.protocol;

import java.lang.foreign.MemorySegment;

/**
 * The data of GET {@link DeviceFeature#DMA_LOGGING_REPORT}, request and reply: which pages of a
 * range were written since the last report.
 *
 * <p>Bit i of the bitmap is page i from iova on, lowest bit first; bits beyond the range are 0.
 */
public final class DmaLoggingReport extends Payload {
    // struct vfio_device_feature_dma_logging_report {
    //     u64 iova;         @0
    //     u64 length;       @8
    //     u64 page_size;    @16
    //     u8  bitmap[];     @24  reply
    // };
    private static final int IOVA = 0;
    private static final int RANGE_LENGTH = 8;
    private static final int PAGE_SIZE = 16;

    /** Length in bytes of the fixed part. */
    public static final int SIZE = 24;

    /** Where the bitmap starts in the data. */
    public static final int BITMAP = 24;

    public DmaLoggingReport wrap(MemorySegment segment, long offset, int length) {
        point(segment, offset, length);
        return this;
    }

    /**
     * Checks a request: a page size that is a power of two and not above the length, a range that
     * does not wrap, room for the bitmap on both sides.
     *
     * @param room what the client takes, {@link DeviceFeature#room()}
     * @param maxData the most data that the receiver will answer with, in bytes
     */
    public int validateRequest(long room, int maxData) {
        if (length() < SIZE) {
            return Wire.EINVAL;
        }
        long range = rangeLength();
        if (!Wire.isPowerOfTwo(pageSize())
                || Long.compareUnsigned(pageSize(), range) > 0
                || Wire.wraps(iova(), range)) {
            return Wire.EINVAL;
        }
        long bitmap = Wire.bitmapBytes(range, pageSize());
        long limit = Math.min(room, maxData) - BITMAP;
        return limit < 0 || Long.compareUnsigned(bitmap, limit) > 0 ? Wire.EINVAL : 0;
    }

    /** Checks a reply: it is about what was asked, and all of the bitmap is there. */
    public int validateReply(long iova, long rangeLength, long pageSize) {
        boolean good =
                length() >= SIZE
                        && iova() == iova
                        && rangeLength() == rangeLength
                        && pageSize() == pageSize
                        && Wire.isPowerOfTwo(pageSize)
                        && length() - BITMAP == Wire.bitmapBytes(rangeLength, pageSize);
        return good ? 0 : Wire.EINVAL;
    }

    /** Returns the first address: unsigned. */
    public long iova() {
        return u64(IOVA);
    }

    /** Returns the length of the range in bytes: unsigned, at least the page size. */
    public long rangeLength() {
        return u64(RANGE_LENGTH);
    }

    /** Returns the bytes that one bit stands for, a power of two. */
    public long pageSize() {
        return u64(PAGE_SIZE);
    }

    /** Returns the bitmap's length in bytes: whole 64-bit words. */
    public int bitmapBytes() {
        return (int) Wire.bitmapBytes(rangeLength(), pageSize());
    }

    /** Returns where in {@link #segment()} the bitmap starts. */
    public long bitmapOffset() {
        return offset() + BITMAP;
    }

    /**
     * Writes the fixed part of a request or a reply; the bitmap is put at {@link #BITMAP} by the
     * caller.
     *
     * @return {@link #SIZE}
     */
    public static int encode(
            MemorySegment segment, long at, long iova, long rangeLength, long pageSize) {
        Wire.u64(segment, at + IOVA, iova);
        Wire.u64(segment, at + RANGE_LENGTH, rangeLength);
        Wire.u64(segment, at + PAGE_SIZE, pageSize);
        return SIZE;
    }
}
