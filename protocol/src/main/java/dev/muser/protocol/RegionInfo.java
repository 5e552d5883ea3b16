package dev.muser.protocol;

import java.lang.foreign.MemorySegment;

/**
 * DEVICE_GET_REGION_INFO (5), request and reply, but for the reply's capability chain: {@link
 * RegionInfoWriter} writes replies, {@link RegionCapabilities} reads chains.
 *
 * <p>A request is 32 bytes long, or argsz bytes: QEMU does the first, others the second.
 */
public final class RegionInfo extends Payload {
    // struct vfio_region_info {
    //     u32 argsz;         @0
    //     u32 flags;         @4   reply
    //     u32 index;         @8
    //     u32 cap_offset;    @12  reply
    //     u64 size;          @16  reply
    //     u64 offset;        @24  reply, to be added when the descriptor is mapped
    // };
    static final int ARGSZ = 0;
    static final int FLAGS = 4;
    static final int INDEX = 8;
    static final int CAP_OFFSET = 12;
    static final int REGION_SIZE = 16;
    static final int MMAP_OFFSET = 24;

    /** Length in bytes of the fixed part. */
    public static final int SIZE = 32;

    public static final int FLAG_READ = 1;
    public static final int FLAG_WRITE = 2;
    public static final int FLAG_MMAP = 4;

    /** A capability chain follows. */
    public static final int FLAG_CAPS = 8;

    public RegionInfo wrap(MemorySegment segment, long offset, int length) {
        point(segment, offset, length);
        return this;
    }

    /**
     * Checks a request.
     *
     * @param regionCount how many regions the device has
     */
    public int validateRequest(int regionCount) {
        return length() < SIZE || u32(ARGSZ) < SIZE || u32(INDEX) >= regionCount ? Wire.EINVAL : 0;
    }

    /**
     * Checks a reply and, when it is whole, its capability chain: each link lies in the payload,
     * the chain only goes forward, each mappable area lies in the region.
     *
     * @param index the region that was asked about
     * @param requestArgsz the argsz that was sent
     * @param fdCount how many descriptors came along
     */
    public int validateReply(int index, int requestArgsz, int fdCount) {
        if (length() < SIZE
                || length() > requestArgsz
                || u32(ARGSZ) < SIZE
                || u32(INDEX) != index
                || fdCount > 1
                || (fdCount == 1 && (flags() & FLAG_MMAP) == 0)) {
            return Wire.EINVAL;
        }
        int first = firstCapability();
        return first == 0 || RegionCapabilities.isSound(this, first) ? 0 : Wire.EINVAL;
    }

    /** Returns the sender's argsz: its room in a request, what a full answer takes in a reply. */
    public long argsz() {
        return u32(ARGSZ);
    }

    /** Whether a reply was cut: ask again with its argsz. Cut replies have no capabilities. */
    public boolean isTruncated() {
        return argsz() > length();
    }

    public int flags() {
        return i32(FLAGS);
    }

    public int index() {
        return i32(INDEX);
    }

    /**
     * Returns where the first capability is, from the payload's start; 0 when there is none, or the
     * reply was cut. To be read with {@link RegionCapabilities}.
     */
    public int firstCapability() {
        return (flags() & FLAG_CAPS) == 0 || isTruncated() ? 0 : i32(CAP_OFFSET);
    }

    /** Returns the region's size in bytes: unsigned. */
    public long size() {
        return u64(REGION_SIZE);
    }

    /** Returns where in the descriptor's file the region starts: unsigned. */
    public long mmapOffset() {
        return u64(MMAP_OFFSET);
    }

    /**
     * Writes a request.
     *
     * @param argsz the longest reply payload taken, at least {@link #SIZE}
     * @return the payload's length, {@link #SIZE} whatever argsz is
     */
    public static int encodeRequest(MemorySegment segment, long at, int argsz, int index) {
        encodeFixed(segment, at, argsz, 0, index, 0, 0, 0);
        return SIZE;
    }

    static void encodeFixed(
            MemorySegment segment,
            long at,
            long argsz,
            int flags,
            int index,
            int capOffset,
            long size,
            long mmapOffset) {
        Wire.u32(segment, at + ARGSZ, argsz);
        Wire.u32(segment, at + FLAGS, flags);
        Wire.u32(segment, at + INDEX, index);
        Wire.u32(segment, at + CAP_OFFSET, capOffset);
        Wire.u64(segment, at + REGION_SIZE, size);
        Wire.u64(segment, at + MMAP_OFFSET, mmapOffset);
    }
}
