package dev.muser.protocol;

import java.lang.foreign.MemorySegment;

/** DMA_MAP (2): the client makes memory known. The reply is a header only. */
public final class DmaMap extends Payload {
    // struct vfio_user_dma_map {
    //     u32 argsz;     @0
    //     u32 flags;     @4
    //     u64 offset;    @8   in the file whose descriptor comes along
    //     u64 addr;      @16  in the client's DMA address space
    //     u64 size;      @24
    // };
    private static final int ARGSZ = 0;
    private static final int FLAGS = 4;
    private static final int FILE_OFFSET = 8;
    private static final int ADDRESS = 16;
    private static final int MAP_SIZE = 24;

    /** Length in bytes. */
    public static final int SIZE = 32;

    public static final int FLAG_READABLE = 1;
    public static final int FLAG_WRITEABLE = 2;

    /** libvfio-user only: map the descriptor, which is what a descriptor means anyway. */
    public static final int FLAG_MMAP = 4;

    /** libvfio-user only: use the descriptor with pread and pwrite. */
    public static final int FLAG_FILE_IO = 8;

    private static final int KNOWN_FLAGS =
            FLAG_READABLE | FLAG_WRITEABLE | FLAG_MMAP | FLAG_FILE_IO;

    public DmaMap wrap(MemorySegment segment, long offset, int length) {
        point(segment, offset, length);
        return this;
    }

    /**
     * Checks a request. Stricter than libvfio-user, which takes a mapping of nothing and one that
     * goes round the end of the address space.
     *
     * @param fdCount how many descriptors came with the message
     */
    public int validateRequest(int fdCount) {
        if (length() < SIZE || u32(ARGSZ) < SIZE || fdCount > 1) {
            return Wire.EINVAL;
        }
        int flags = flags();
        if ((flags & ~KNOWN_FLAGS) != 0
                || ((flags & (FLAG_MMAP | FLAG_FILE_IO)) != 0 && fdCount == 0)) {
            return Wire.EINVAL;
        }
        long size = size();
        boolean bad =
                size == 0
                        || Wire.wraps(address(), size)
                        || (fdCount == 1 && Wire.wraps(fileOffset(), size));
        return bad ? Wire.EINVAL : 0;
    }

    public int flags() {
        return i32(FLAGS);
    }

    public boolean isReadable() {
        return (flags() & FLAG_READABLE) != 0;
    }

    public boolean isWriteable() {
        return (flags() & FLAG_WRITEABLE) != 0;
    }

    /** Returns where in the file the memory starts; unsigned. Means nothing without descriptor. */
    public long fileOffset() {
        return u64(FILE_OFFSET);
    }

    /** Returns the first address: unsigned. */
    public long address() {
        return u64(ADDRESS);
    }

    /** Returns the size in bytes: unsigned, not 0; address + size is at most 2^64. */
    public long size() {
        return u64(MAP_SIZE);
    }

    /** Writes a request; returns its length. */
    public static int encodeRequest(
            MemorySegment segment, long at, int flags, long fileOffset, long address, long size) {
        Wire.u32(segment, at + ARGSZ, SIZE);
        Wire.u32(segment, at + FLAGS, flags);
        Wire.u64(segment, at + FILE_OFFSET, fileOffset);
        Wire.u64(segment, at + ADDRESS, address);
        Wire.u64(segment, at + MAP_SIZE, size);
        return SIZE;
    }
}
