package dev.muser.protocol;

import java.lang.foreign.MemorySegment;

/**
 * REGION_READ (9) and REGION_WRITE (10), request and reply. Hot: allocates nothing.
 *
 * <p>A reply carries the same three numbers, count being the bytes done, and for a read the data. A
 * request with count 0 is a success whose reply is a header only.
 */
public final class RegionAccess extends Payload {
    // struct vfio_user_region_access {
    //     u64 offset;    @0   in the region
    //     u32 region;    @8   index
    //     u32 count;     @12  bytes
    //     u8  data[];    @16  write request, read reply
    // };
    private static final int OFFSET = 0;
    private static final int REGION = 8;
    private static final int COUNT = 12;

    /** Length in bytes of the fixed part. */
    public static final int SIZE = 16;

    /** Where the data starts in the payload. */
    public static final int DATA = 16;

    public RegionAccess wrap(MemorySegment segment, long offset, int length) {
        point(segment, offset, length);
        return this;
    }

    /**
     * Checks a REGION_READ request.
     *
     * @param regionCount how many regions the device has
     * @param maxCount the most bytes that one message may ask for
     */
    public int validateReadRequest(int regionCount, int maxCount) {
        return length() < SIZE ? Wire.EINVAL : validateTarget(regionCount, maxCount);
    }

    /** Checks a REGION_WRITE request: as a read, and the data are all there and no more. */
    public int validateWriteRequest(int regionCount, int maxCount) {
        if (length() < SIZE) {
            return Wire.EINVAL;
        }
        int errno = validateTarget(regionCount, maxCount);
        return errno == 0 && length() != SIZE + u32(COUNT) ? Wire.EINVAL : errno;
    }

    private int validateTarget(int regionCount, int maxCount) {
        return u32(REGION) >= regionCount || u32(COUNT) > maxCount ? Wire.EINVAL : 0;
    }

    /** Checks a REGION_READ reply against what was asked; count() may be less than asked. */
    public int validateReadReply(long offset, int region, int count) {
        if (count == 0 && length() == 0) {
            return 0;
        }
        int errno = validateEcho(offset, region, count);
        return errno == 0 && length() != SIZE + u32(COUNT) ? Wire.EINVAL : errno;
    }

    /** Checks a REGION_WRITE reply against what was asked; count() may be less than asked. */
    public int validateWriteReply(long offset, int region, int count) {
        if (count == 0 && length() == 0) {
            return 0;
        }
        int errno = validateEcho(offset, region, count);
        return errno == 0 && length() != SIZE ? Wire.EINVAL : errno;
    }

    private int validateEcho(long offset, int region, int count) {
        return length() < SIZE
                        || u64(OFFSET) != offset
                        || u32(REGION) != region
                        || u32(COUNT) > count
                ? Wire.EINVAL
                : 0;
    }

    /** Whether all of the access lies in a region of {@code regionSize} (unsigned) bytes. */
    public boolean isWithin(long regionSize) {
        return Wire.within(u64(OFFSET), u32(COUNT), regionSize);
    }

    /** Returns the offset in the region: unsigned. */
    public long regionOffset() {
        return u64(OFFSET);
    }

    public int region() {
        return i32(REGION);
    }

    /** Returns the bytes asked for, or done; 0 for a reply that is a header only. */
    public int count() {
        return length() == 0 ? 0 : i32(COUNT);
    }

    /** Returns where in {@link #segment()} the data start. */
    public long dataOffset() {
        return offset() + DATA;
    }

    /**
     * Writes the fixed part of a request or of a reply: the four are alike. A write request and a
     * read reply have {@code count} bytes of data after it, put there by the caller.
     *
     * @return {@link #SIZE}
     */
    public static int encode(
            MemorySegment segment, long at, long regionOffset, int region, int count) {
        Wire.u64(segment, at + OFFSET, regionOffset);
        Wire.u32(segment, at + REGION, region);
        Wire.u32(segment, at + COUNT, count);
        return SIZE;
    }
}
