package dev.muser.protocol;

import java.lang.foreign.MemorySegment;

/**
 * REGION_WRITE_MULTI (15), request and reply: several small writes in one message, if both sides
 * said write_multiple. Hot: allocates nothing. QEMU sends up to 200 of them, with No_reply.
 */
public final class RegionWriteMulti extends Payload {
    // struct vfio_user_write_multi {
    //     u64 wr_cnt;      @0
    //     entries[];       @8
    // };
    // entry, 24 bytes {
    //     u64 offset;      @0   in the region
    //     u32 region;      @8
    //     u32 count;       @12  bytes, at most 8
    //     u8  data[8];     @16
    // };
    private static final int WR_CNT = 0;
    private static final int ENTRIES = 8;
    private static final int OFFSET = 0;
    private static final int REGION = 8;
    private static final int COUNT = 12;
    private static final int DATA = 16;

    /** Length in bytes of the fixed part, which is all of a reply. */
    public static final int SIZE = 8;

    /** Length of an entry in bytes. */
    public static final int ENTRY = 24;

    /** Most bytes that one entry writes. */
    public static final int MAX_COUNT = 8;

    public RegionWriteMulti wrap(MemorySegment segment, long offset, int length) {
        point(segment, offset, length);
        return this;
    }

    /**
     * Checks a request and all of its entries, before any of them is carried out.
     *
     * @param regionCount how many regions the device has
     */
    public int validateRequest(int regionCount) {
        if (length() < SIZE || Long.compareUnsigned(u64(WR_CNT), (length() - SIZE) / ENTRY) > 0) {
            return Wire.EINVAL;
        }
        int writes = writes();
        for (int i = 0; i < writes; i++) {
            if (u32(entry(i) + REGION) >= regionCount || u32(entry(i) + COUNT) > MAX_COUNT) {
                return Wire.EINVAL;
            }
        }
        return 0;
    }

    /** Checks a reply; {@code writes} is how many were asked for. Fewer may have been done. */
    public int validateReply(int writes) {
        return length() != SIZE || Long.compareUnsigned(u64(WR_CNT), writes) > 0 ? Wire.EINVAL : 0;
    }

    private static long entry(int i) {
        return ENTRIES + (long) ENTRY * i;
    }

    /** Returns the number of writes: in a reply, of those done. */
    public int writes() {
        return (int) u64(WR_CNT);
    }

    /** Returns where in the region write {@code i} goes: unsigned. */
    public long regionOffset(int i) {
        return u64(entry(i) + OFFSET);
    }

    public int region(int i) {
        return i32(entry(i) + REGION);
    }

    /** Returns how many bytes write {@code i} has, 0 to {@link #MAX_COUNT}. */
    public int count(int i) {
        return i32(entry(i) + COUNT);
    }

    /** Returns where in {@link #segment()} the bytes of write {@code i} are. */
    public long dataOffset(int i) {
        return offset() + entry(i) + DATA;
    }

    /** Whether all of write {@code i} lies in a region of {@code regionSize} (unsigned) bytes. */
    public boolean isWithin(int i, long regionSize) {
        return Wire.within(regionOffset(i), count(i), regionSize);
    }

    /** Writes a request's fixed part; {@link #encodeWrite} adds the entries. Returns its length. */
    public static int encodeRequest(MemorySegment segment, long at, int writes) {
        Wire.u64(segment, at + WR_CNT, writes);
        return SIZE + ENTRY * writes;
    }

    /**
     * Writes entry {@code i} of a request whose payload is at {@code at}.
     *
     * @param value its lowest {@code count} bytes are written, the lowest at the lowest offset
     */
    public static void encodeWrite(
            MemorySegment segment,
            long at,
            int i,
            long regionOffset,
            int region,
            int count,
            long value) {
        long entry = at + entry(i);
        Wire.u64(segment, entry + OFFSET, regionOffset);
        Wire.u32(segment, entry + REGION, region);
        Wire.u32(segment, entry + COUNT, count);
        Wire.u64(segment, entry + DATA, value);
    }

    /** Writes a reply: how many writes were done. Returns its length. */
    public static int encodeReply(MemorySegment segment, long at, int writes) {
        Wire.u64(segment, at + WR_CNT, writes);
        return SIZE;
    }
}
