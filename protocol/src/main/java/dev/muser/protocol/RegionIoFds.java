package dev.muser.protocol;

import java.lang.foreign.MemorySegment;

/**
 * DEVICE_GET_REGION_IO_FDS (6), request and reply: descriptors that stand for parts of a region, so
 * that an access need not go through the client.
 *
 * <p>An entry has 40 bytes in the specification and 48 in libvfio-user, which puts shadow_offset
 * before the last field. Both are read: the entry's size is (argsz - 16) / count, and the last
 * field is in its last 8 bytes. Entries of 48 bytes are written, as the existing server does: a
 * reader that computes the size copes with both, one that was built against libvfio-user does not
 * cope with 40.
 */
public final class RegionIoFds extends Payload {
    // struct vfio_user_region_io_fds {
    //     u32 argsz;       @0
    //     u32 flags;       @4   0
    //     u32 index;       @8
    //     u32 count;       @12  0 in a request
    //     entries[];       @16  reply
    // };
    private static final int ARGSZ = 0;
    private static final int FLAGS = 4;
    private static final int INDEX = 8;
    private static final int COUNT = 12;

    // struct vfio_user_sub_region_ioeventfd {
    //     u64 gpa_offset;             @0   in the region
    //     u64 size;                   @8
    //     u32 fd_index;               @16
    //     u32 type;                   @20
    //     u32 flags;                  @24
    //     u32 shadow_mem_fd_index;    @28  48-byte form; padding in the other
    //     u64 shadow_offset;          @32  48-byte form only
    //     u64 datamatch;              the last 8 bytes
    // };
    private static final int OFFSET = 0;
    private static final int REGION_PART_SIZE = 8;
    private static final int FD_INDEX = 16;
    private static final int TYPE = 20;
    private static final int ENTRY_FLAGS = 24;
    private static final int SHADOW_FD_INDEX = 28;
    private static final int SHADOW_OFFSET = 32;
    private static final int DATAMATCH = 40;

    /** Length in bytes of the fixed part. */
    public static final int SIZE = 16;

    /** Length of an entry as the specification has it. */
    public static final int SPECIFIED_ENTRY = 40;

    /** Length of an entry as libvfio-user has it, and as it is written here. */
    public static final int ENTRY = 48;

    public static final int TYPE_IOEVENTFD = 0;
    public static final int TYPE_IOREGIONFD = 1;

    /** An ioeventfd whose written value is stored in shared memory, at shadow_offset. */
    public static final int TYPE_SHADOW_IOEVENTFD = 2;

    /** KVM_IOEVENTFD_FLAG_DATAMATCH: only a write of the datamatch value counts. */
    public static final int FLAG_DATAMATCH = 1;

    /** KVM_IOEVENTFD_FLAG_PIO: the region is in port space. */
    public static final int FLAG_PIO = 2;

    /** The fd_index that means: no descriptor. */
    public static final int NO_FD = -1;

    public RegionIoFds wrap(MemorySegment segment, long offset, int length) {
        point(segment, offset, length);
        return this;
    }

    /**
     * Checks a request.
     *
     * @param regionCount how many regions the device has
     */
    public int validateRequest(int regionCount) {
        return length() < SIZE
                        || u32(ARGSZ) < SIZE
                        || u32(FLAGS) != 0
                        || u32(INDEX) >= regionCount
                        || u32(COUNT) != 0
                ? Wire.EINVAL
                : 0;
    }

    /**
     * Checks a reply and all of its entries.
     *
     * @param index the region that was asked about
     * @param requestArgsz the argsz that was sent
     * @param fdCount how many descriptors came along
     */
    public int validateReply(int index, int requestArgsz, int fdCount) {
        if (length() < SIZE
                || length() > requestArgsz
                || u32(ARGSZ) < SIZE
                || u32(FLAGS) != 0
                || u32(INDEX) != index
                || u32(COUNT) > (u32(ARGSZ) - SIZE) / SPECIFIED_ENTRY) {
            return Wire.EINVAL;
        }
        if (isTruncated()) {
            return length() == SIZE && fdCount == 0 ? 0 : Wire.EINVAL;
        }
        return areEntriesSound(fdCount) ? 0 : Wire.EINVAL;
    }

    private boolean areEntriesSound(int fdCount) {
        if (u32(ARGSZ) != length()) {
            return false;
        }
        int count = count();
        if (count == 0) {
            return length() == SIZE && fdCount == 0;
        }
        int entrySize = entrySize();
        if ((length() - SIZE) % count != 0 || (entrySize != SPECIFIED_ENTRY && entrySize < ENTRY)) {
            return false;
        }
        for (int i = 0; i < count; i++) {
            boolean shadow = type(i) == TYPE_SHADOW_IOEVENTFD;
            if (!isFd(fdIndex(i), fdCount)
                    || (shadow && (entrySize < ENTRY || !isFd(shadowFdIndex(i), fdCount)))) {
                return false;
            }
        }
        return true;
    }

    private static boolean isFd(int index, int fdCount) {
        return index == NO_FD || Integer.compareUnsigned(index, fdCount) < 0;
    }

    /** Returns the sender's argsz: its room in a request, what a full answer takes in a reply. */
    public long argsz() {
        return u32(ARGSZ);
    }

    /** Whether a reply has no entries because they did not fit: ask again with its argsz. */
    public boolean isTruncated() {
        return u32(ARGSZ) > length();
    }

    public int index() {
        return i32(INDEX);
    }

    /** Returns how many entries there are, also where the reply was cut. */
    public int count() {
        return i32(COUNT);
    }

    /** Returns an entry's length in bytes; only where count() is not 0. */
    public int entrySize() {
        return ((int) u32(ARGSZ) - SIZE) / count();
    }

    private long entry(int i) {
        return SIZE + (long) i * entrySize();
    }

    /** Returns where in the region the part of entry {@code i} starts: unsigned. */
    public long partOffset(int i) {
        return u64(entry(i) + OFFSET);
    }

    /** Returns the size in bytes of the part: unsigned. 0 means any width at that offset. */
    public long partSize(int i) {
        return u64(entry(i) + REGION_PART_SIZE);
    }

    /** Returns which of the reply's descriptors it is, or {@link #NO_FD}. */
    public int fdIndex(int i) {
        return i32(entry(i) + FD_INDEX);
    }

    public int type(int i) {
        return i32(entry(i) + TYPE);
    }

    public int flags(int i) {
        return i32(entry(i) + ENTRY_FLAGS);
    }

    /** Returns the descriptor of the shadow memory; {@link #NO_FD} where there is none. */
    public int shadowFdIndex(int i) {
        return type(i) == TYPE_SHADOW_IOEVENTFD ? i32(entry(i) + SHADOW_FD_INDEX) : NO_FD;
    }

    /** Returns where in the shadow memory values appear; 0 where there is none. */
    public long shadowOffset(int i) {
        return type(i) == TYPE_SHADOW_IOEVENTFD ? u64(entry(i) + SHADOW_OFFSET) : 0;
    }

    /** Returns the value to be matched; user_data for {@link #TYPE_IOREGIONFD}. */
    public long datamatch(int i) {
        return u64(entry(i) + entrySize() - Long.BYTES);
    }

    /**
     * Writes a request.
     *
     * @param argsz the longest reply payload taken, at least {@link #SIZE}
     */
    public static int encodeRequest(MemorySegment segment, long at, int argsz, int index) {
        return encodeFixed(segment, at, argsz, index, 0);
    }

    /**
     * Writes a reply's fixed part. When the returned length is above {@link #SIZE} the entries fit
     * and must follow by {@link #encodeEntry}; else neither entries nor descriptors are sent.
     *
     * @param requestArgsz the client's, validated
     * @param count how many entries there are
     * @return the payload's length, with the entries
     */
    public static int encodeReply(
            MemorySegment segment, long at, long requestArgsz, int index, int count) {
        long full = SIZE + (long) ENTRY * count;
        encodeFixed(segment, at, full, index, count);
        return full <= requestArgsz ? (int) full : SIZE;
    }

    /** Writes entry {@code i} of a reply whose payload is at {@code at}. */
    public static void encodeEntry(
            MemorySegment segment,
            long at,
            int i,
            long partOffset,
            long partSize,
            int fdIndex,
            int type,
            int flags,
            int shadowFdIndex,
            long shadowOffset,
            long datamatch) {
        long entry = at + SIZE + (long) i * ENTRY;
        Wire.u64(segment, entry + OFFSET, partOffset);
        Wire.u64(segment, entry + REGION_PART_SIZE, partSize);
        Wire.u32(segment, entry + FD_INDEX, fdIndex);
        Wire.u32(segment, entry + TYPE, type);
        Wire.u32(segment, entry + ENTRY_FLAGS, flags);
        Wire.u32(segment, entry + SHADOW_FD_INDEX, shadowFdIndex);
        Wire.u64(segment, entry + SHADOW_OFFSET, shadowOffset);
        Wire.u64(segment, entry + DATAMATCH, datamatch);
    }

    private static int encodeFixed(
            MemorySegment segment, long at, long argsz, int index, int count) {
        Wire.u32(segment, at + ARGSZ, argsz);
        Wire.u32(segment, at + FLAGS, 0);
        Wire.u32(segment, at + INDEX, index);
        Wire.u32(segment, at + COUNT, count);
        return SIZE;
    }
}
