package dev.muser.protocol;

import java.lang.foreign.MemorySegment;

/**
 * DMA_READ (11) and DMA_WRITE (12), which a server sends, and their replies. Hot: allocates
 * nothing.
 *
 * <p>The specification's table gives count 4 bytes in the reply to DMA_WRITE; libvfio-user requires
 * 8 and QEMU sends 8, so 8 it is.
 */
public final class DmaAccess extends Payload {
    // struct vfio_user_dma_region_access {
    //     u64 addr;      @0   in the client's DMA address space
    //     u64 count;     @8   bytes
    //     u8  data[];    @16  write request, read reply
    // };
    private static final int ADDRESS = 0;
    private static final int COUNT = 8;

    /** Length in bytes of the fixed part. */
    public static final int SIZE = 16;

    /** Where the data start in the payload. */
    public static final int DATA = 16;

    public DmaAccess wrap(MemorySegment segment, long offset, int length) {
        point(segment, offset, length);
        return this;
    }

    /**
     * Checks a DMA_READ request.
     *
     * @param maxCount the agreed max_data_xfer_size
     */
    public int validateReadRequest(int maxCount) {
        return length() < SIZE || !isSane(maxCount) ? Wire.EINVAL : 0;
    }

    /** Checks a DMA_WRITE request: as a read, and the data are all there and no more. */
    public int validateWriteRequest(int maxCount) {
        return length() < SIZE || !isSane(maxCount) || length() != SIZE + u64(COUNT)
                ? Wire.EINVAL
                : 0;
    }

    private boolean isSane(int maxCount) {
        return Long.compareUnsigned(u64(COUNT), maxCount) <= 0
                && !Wire.wraps(u64(ADDRESS), u64(COUNT));
    }

    /** Checks a DMA_READ reply: it is about what was asked, and all of the data are there. */
    public int validateReadReply(long address, int count) {
        return length() != SIZE + (long) count || !isEcho(address, count) ? Wire.EINVAL : 0;
    }

    /** Checks a DMA_WRITE reply: it is about what was asked. */
    public int validateWriteReply(long address, int count) {
        return length() != SIZE || !isEcho(address, count) ? Wire.EINVAL : 0;
    }

    private boolean isEcho(long address, int count) {
        return u64(ADDRESS) == address && u64(COUNT) == count;
    }

    /** Returns the address: unsigned. */
    public long address() {
        return u64(ADDRESS);
    }

    /** Returns the number of bytes. */
    public int count() {
        return (int) u64(COUNT);
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
    public static int encode(MemorySegment segment, long at, long address, int count) {
        Wire.u64(segment, at + ADDRESS, address);
        Wire.u64(segment, at + COUNT, count);
        return SIZE;
    }
}
