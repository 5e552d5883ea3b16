package dev.muser.protocol;

import java.lang.foreign.MemorySegment;

/**
 * DMA_UNMAP (3), request and reply: the client takes memory back.
 *
 * <p>The specification has no flags here. ALL is sent by QEMU, both are known to libvfio-user.
 */
public final class DmaUnmap extends Payload {
    // struct vfio_user_dma_unmap {
    //     u32 argsz;          @0
    //     u32 flags;          @4
    //     u64 addr;           @8
    //     u64 size;           @16
    //     with GET_DIRTY_BITMAP:
    //     u64 bitmap.pgsize;  @24
    //     u64 bitmap.size;    @32  bytes
    //     u8  bitmap.data[];  @40  reply only
    // };
    private static final int ARGSZ = 0;
    private static final int FLAGS = 4;
    private static final int ADDRESS = 8;
    private static final int MAP_SIZE = 16;
    private static final int PAGE_SIZE = 24;
    private static final int BITMAP_BYTES = 32;

    /** Length in bytes of a request without bitmap, and of its reply. */
    public static final int SIZE = 24;

    /** Where the bitmap starts in the payload of a reply that has one. */
    public static final int BITMAP = 40;

    /** Return the dirty bitmap of what is unmapped. */
    public static final int FLAG_GET_DIRTY_BITMAP = 1;

    /** Unmap everything; address and size are 0. */
    public static final int FLAG_ALL = 2;

    public DmaUnmap wrap(MemorySegment segment, long offset, int length) {
        point(segment, offset, length);
        return this;
    }

    /**
     * Checks a request. Whether the range is a mapping, and whether dirty pages are logged, is for
     * the receiver to find out.
     *
     * @param maxReply the longest payload the receiver will answer with, in bytes
     */
    public int validateRequest(int maxReply) {
        if (length() < SIZE || u32(ARGSZ) < SIZE) {
            return Wire.EINVAL;
        }
        return switch (flags()) {
            case 0 -> 0;
            case FLAG_ALL -> address() == 0 && size() == 0 ? 0 : Wire.EINVAL;
            case FLAG_GET_DIRTY_BITMAP -> validateBitmap(maxReply);
            default -> Wire.EINVAL;
        };
    }

    private int validateBitmap(int maxReply) {
        if (length() < BITMAP || u32(ARGSZ) < BITMAP) {
            return Wire.EINVAL;
        }
        long bytes = u64(BITMAP_BYTES);
        boolean good =
                Wire.isPowerOfTwo(pageSize())
                        && !Wire.wraps(address(), size())
                        && bytes == Wire.bitmapBytes(size(), pageSize())
                        && Long.compareUnsigned(bytes, u32(ARGSZ) - BITMAP) <= 0
                        && bytes <= (long) maxReply - BITMAP;
        return good ? 0 : Wire.EINVAL;
    }

    /**
     * Checks a reply against its request. A reply without payload is taken, as QEMU does, where no
     * bitmap was asked for.
     *
     * @param bitmapBytes what was asked for, 0 without GET_DIRTY_BITMAP
     */
    public int validateReply(int flags, long address, long size, int bitmapBytes) {
        boolean dirty = flags == FLAG_GET_DIRTY_BITMAP;
        if (length() == 0 && !dirty) {
            return 0;
        }
        boolean good =
                length() == (dirty ? BITMAP + (long) bitmapBytes : SIZE)
                        && flags() == flags
                        && address() == address
                        && size() == size
                        && (!dirty || u64(BITMAP_BYTES) == bitmapBytes);
        return good ? 0 : Wire.EINVAL;
    }

    /** Returns 0, {@link #FLAG_GET_DIRTY_BITMAP} or {@link #FLAG_ALL}. */
    public int flags() {
        return i32(FLAGS);
    }

    public boolean isAll() {
        return flags() == FLAG_ALL;
    }

    public boolean wantsBitmap() {
        return flags() == FLAG_GET_DIRTY_BITMAP;
    }

    /** Returns the first address: unsigned. */
    public long address() {
        return u64(ADDRESS);
    }

    /** Returns the size in bytes: unsigned. May be 0, and then is no mapping's. */
    public long size() {
        return u64(MAP_SIZE);
    }

    /** Returns the bytes that one bit stands for, a power of two; only with wantsBitmap(). */
    public long pageSize() {
        return u64(PAGE_SIZE);
    }

    /** Returns the bitmap's length in bytes, a multiple of 8; only with wantsBitmap(). */
    public int bitmapBytes() {
        return (int) u64(BITMAP_BYTES);
    }

    /** Returns the length of the reply's payload to this request, with the bitmap if any. */
    public int replyLength() {
        return wantsBitmap() ? BITMAP + bitmapBytes() : SIZE;
    }

    /** Writes a request without bitmap; returns its length. */
    public static int encodeRequest(
            MemorySegment segment, long at, int flags, long address, long size) {
        return encodeFixed(segment, at, SIZE, flags, address, size);
    }

    /** Writes a request for the dirty bitmap as well; returns its length. */
    public static int encodeBitmapRequest(
            MemorySegment segment,
            long at,
            long address,
            long size,
            long pageSize,
            int bitmapBytes) {
        encodeFixed(segment, at, BITMAP + (long) bitmapBytes, FLAG_GET_DIRTY_BITMAP, address, size);
        Wire.u64(segment, at + PAGE_SIZE, pageSize);
        Wire.u64(segment, at + BITMAP_BYTES, bitmapBytes);
        return BITMAP;
    }

    /**
     * Writes the reply to {@code request}: an echo; the memory may be the same. The bitmap, if
     * wanted, is put at {@link #BITMAP} by the caller.
     *
     * @return the payload's length, with the bitmap
     */
    public static int encodeReply(MemorySegment segment, long at, DmaUnmap request) {
        int fixed = request.wantsBitmap() ? BITMAP : SIZE;
        MemorySegment.copy(request.segment(), request.offset(), segment, at, fixed);
        return request.replyLength();
    }

    private static int encodeFixed(
            MemorySegment segment, long at, long argsz, int flags, long address, long size) {
        Wire.u32(segment, at + ARGSZ, argsz);
        Wire.u32(segment, at + FLAGS, flags);
        Wire.u64(segment, at + ADDRESS, address);
        Wire.u64(segment, at + MAP_SIZE, size);
        return SIZE;
    }
}
