package dev.muser.protocol;

import java.lang.foreign.MemorySegment;

/** MIG_DATA_READ (17) and MIG_DATA_WRITE (18): the device's state, out of it and into it. */
public final class MigData extends Payload {
    // struct vfio_user_mig_data {
    //     u32 argsz;     @0
    //     u32 size;      @4   bytes of data
    //     u8  data[];    @8   write request, read reply
    // };
    private static final int ARGSZ = 0;
    private static final int DATA_SIZE = 4;

    /** Length in bytes of the fixed part. */
    public static final int SIZE = 8;

    /** Where the data start in the payload. */
    public static final int DATA = 8;

    public MigData wrap(MemorySegment segment, long offset, int length) {
        point(segment, offset, length);
        return this;
    }

    /**
     * Checks a MIG_DATA_READ request.
     *
     * @param maxSize the agreed max_data_xfer_size
     */
    public int validateReadRequest(int maxSize) {
        return length() < SIZE || !isSane(maxSize) ? Wire.EINVAL : 0;
    }

    /** Checks a MIG_DATA_WRITE request: as a read, and all of the data are there. */
    public int validateWriteRequest(int maxSize) {
        return length() < SIZE || !isSane(maxSize) || length() < SIZE + u32(DATA_SIZE)
                ? Wire.EINVAL
                : 0;
    }

    private boolean isSane(int maxSize) {
        return u32(DATA_SIZE) <= maxSize && u32(ARGSZ) >= SIZE + u32(DATA_SIZE);
    }

    /**
     * Checks a MIG_DATA_READ reply. size() below what was asked is the end of the stream; bytes
     * beyond it are padding, which libvfio-user sends.
     *
     * @param asked the size of the request
     */
    public int validateReadReply(int asked) {
        return length() < SIZE
                        || u32(DATA_SIZE) > asked
                        || length() < SIZE + u32(DATA_SIZE)
                        || length() > SIZE + (long) asked
                ? Wire.EINVAL
                : 0;
    }

    /** Returns the bytes of data: wanted, or here. */
    public int size() {
        return i32(DATA_SIZE);
    }

    /** Returns where in {@link #segment()} the data start. */
    public long dataOffset() {
        return offset() + DATA;
    }

    /**
     * Writes the fixed part of a request or a reply; the data, if any, are put at {@link #DATA} by
     * the caller.
     *
     * <p>libvfio-user's sample client wants a reply as long as what it asked for: after a short
     * read, pad the message with zeros to that length.
     *
     * @return {@link #SIZE}
     */
    public static int encode(MemorySegment segment, long at, int size) {
        Wire.u32(segment, at + ARGSZ, SIZE + (long) size);
        Wire.u32(segment, at + DATA_SIZE, size);
        return SIZE;
    }
}
