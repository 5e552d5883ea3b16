package dev.muser.protocol;

/**
 * The capability chain of a {@link RegionInfo} reply: a cursor. The reply must have been validated.
 *
 * <pre>{@code
 * caps.of(info);
 * while (caps.next()) {
 *     if (caps.id() == RegionCapabilities.SPARSE_MMAP) { ... caps.areaCount() ... }
 * }
 * }</pre>
 */
public final class RegionCapabilities {
    // struct vfio_info_cap_header {
    //     u16 id;         @0
    //     u16 version;    @2
    //     u32 next;       @4  from the payload's start; 0 = last
    // };
    static final int ID = 0;
    static final int VERSION = 2;
    static final int NEXT = 4;
    static final int HEADER = 8;

    // id 1: struct vfio_region_info_cap_sparse_mmap {
    //     header;
    //     u32 nr_areas;    @8
    //     u32 reserved;    @12
    //     struct { u64 offset; u64 size; } areas[];    @16
    // };
    static final int NR_AREAS = 8;
    static final int AREAS = 16;
    static final int AREA = 16;

    // id 2: struct vfio_region_info_cap_type {
    //     header;
    //     u32 type;       @8
    //     u32 subtype;    @12
    // };
    static final int TYPE_TYPE = 8;
    static final int TYPE_SUBTYPE = 12;
    static final int TYPE_SIZE = 16;

    /** Only the listed areas of the region can be mapped. */
    public static final int SPARSE_MMAP = 1;

    /** What a device-specific region is. */
    public static final int TYPE = 2;

    /** The MSI-X table may be mapped with the rest. No data. */
    public static final int MSIX_MAPPABLE = 3;

    private RegionInfo info = new RegionInfo();
    private int at;
    private int following;

    /** Starts at the head of the chain of {@code info}, before its first capability. */
    public RegionCapabilities of(RegionInfo info) {
        this.info = info;
        at = 0;
        following = info.firstCapability();
        return this;
    }

    /** Goes to the next capability; false when there is none. */
    public boolean next() {
        if (following == 0) {
            return false;
        }
        at = following;
        following = info.i32(at + NEXT);
        return true;
    }

    /** Returns the capability's id; others than the three known may come. */
    public int id() {
        return info.u16(at + ID);
    }

    public int version() {
        return info.u16(at + VERSION);
    }

    /** Returns how many areas can be mapped; only of {@link #SPARSE_MMAP}. */
    public int areaCount() {
        return info.i32(at + NR_AREAS);
    }

    /** Returns where in the region area {@code i} starts. */
    public long areaOffset(int i) {
        return info.u64(at + AREAS + (long) AREA * i);
    }

    /** Returns the size of area {@code i} in bytes; all of it lies in the region. */
    public long areaSize(int i) {
        return info.u64(at + AREAS + (long) AREA * i + 8);
    }

    /** Returns the type's number; only of {@link #TYPE}. */
    public int type() {
        return info.i32(at + TYPE_TYPE);
    }

    /** Returns the subtype's number; only of {@link #TYPE}. */
    public int subtype() {
        return info.i32(at + TYPE_SUBTYPE);
    }

    /** Whether the chain from {@code first} on can be walked and read. */
    static boolean isSound(RegionInfo info, int first) {
        long length = info.length();
        long previousEnd = RegionInfo.SIZE;
        for (long at = Integer.toUnsignedLong(first); at != 0; at = info.u32(at + NEXT)) {
            // Forward only, and by whole headers: so it ends.
            if (at < previousEnd || at + HEADER > length) {
                return false;
            }
            long size = sizeOf(info, at, length);
            if (size == 0 || at + size > length) {
                return false;
            }
            previousEnd = at + HEADER;
        }
        return true;
    }

    /** The size of the capability at {@code at}, or 0 when its content is wrong. */
    private static long sizeOf(RegionInfo info, long at, long length) {
        return switch (info.u16(at + ID)) {
            case SPARSE_MMAP -> sparseSize(info, at, length);
            case TYPE -> TYPE_SIZE;
            default -> HEADER;
        };
    }

    private static long sparseSize(RegionInfo info, long at, long length) {
        if (at + AREAS > length) {
            return 0;
        }
        long areas = info.u32(at + NR_AREAS);
        if (areas > (length - at - AREAS) / AREA) {
            return 0;
        }
        for (long area = at + AREAS; area < at + AREAS + areas * AREA; area += AREA) {
            if (!Wire.within(info.u64(area), info.u64(area + 8), info.size())) {
                return 0;
            }
        }
        return AREAS + areas * AREA;
    }
}
