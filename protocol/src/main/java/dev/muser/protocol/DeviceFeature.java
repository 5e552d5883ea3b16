package dev.muser.protocol;

import java.lang.foreign.MemorySegment;

/**
 * DEVICE_FEATURE (16), request and reply: an envelope. What is in it has classes of its own, which
 * are pointed at {@link #dataOffset()} and {@link #dataLength()}: {@link MigrationFeature}, {@link
 * MigDeviceState}, {@link DmaLoggingStart} and {@link DmaLoggingReport}.
 *
 * <p>The reply to SET and PROBE is the request again; the reply to GET has the data.
 */
public final class DeviceFeature extends Payload {
    // struct vfio_device_feature {
    //     u32 argsz;     @0
    //     u32 flags;     @4   bits 0-15 feature, 16 GET, 17 SET, 18 PROBE
    //     u8  data[];    @8
    // };
    private static final int ARGSZ = 0;
    private static final int FLAGS = 4;
    private static final int FEATURE_MASK = 0xffff;

    /** Length in bytes of the fixed part. */
    public static final int SIZE = 8;

    /** Where the data start in the payload. */
    public static final int DATA = 8;

    public static final int GET = 1 << 16;
    public static final int SET = 1 << 17;

    /** Asks whether the feature has the methods that are named beside it; carries no data. */
    public static final int PROBE = 1 << 18;

    public static final int MIGRATION = 1;
    public static final int MIG_DEVICE_STATE = 2;
    public static final int DMA_LOGGING_START = 6;

    /** Data, if any, mean nothing: the kernel has none, the specification repeats START's. */
    public static final int DMA_LOGGING_STOP = 7;

    public static final int DMA_LOGGING_REPORT = 8;

    public DeviceFeature wrap(MemorySegment segment, long offset, int length) {
        point(segment, offset, length);
        return this;
    }

    /**
     * Checks the envelope of a request: one method at least, GET and SET together only to PROBE,
     * and room in argsz for the echo. Whether the feature exists is the device's to say (EINVAL);
     * whether the data are right, the data's class.
     */
    public int validateRequest() {
        if (length() < SIZE || u32(ARGSZ) < SIZE) {
            return Wire.EINVAL;
        }
        int method = method();
        boolean good =
                (flags() & ~(FEATURE_MASK | GET | SET | PROBE)) == 0
                        && method != 0
                        && method != (GET | SET)
                        && (method == GET || u32(ARGSZ) >= length());
        return good ? 0 : Wire.EINVAL;
    }

    /**
     * Checks a reply's envelope.
     *
     * @param requestFlags what was sent
     * @param requestArgsz the argsz that was sent
     */
    public int validateReply(int requestFlags, int requestArgsz) {
        return length() < SIZE || length() > requestArgsz || flags() != requestFlags
                ? Wire.EINVAL
                : 0;
    }

    /** Whether the client takes a reply with {@code dataLength} bytes of data: else EINVAL. */
    public boolean hasRoomFor(int dataLength) {
        return u32(ARGSZ) >= SIZE + (long) dataLength;
    }

    /** Returns how many bytes of data a reply may have: 0 to 2^32-9. */
    public long room() {
        return u32(ARGSZ) - SIZE;
    }

    public int flags() {
        return i32(FLAGS);
    }

    /** Returns the feature's number, 0 to 65535. */
    public int feature() {
        return flags() & FEATURE_MASK;
    }

    /** Returns the method bits: {@link #GET}, {@link #SET}, {@link #PROBE} and combinations. */
    public int method() {
        return flags() & (GET | SET | PROBE);
    }

    public boolean isProbe() {
        return (flags() & PROBE) != 0;
    }

    /** Whether data are to be returned; false for a probe. */
    public boolean isGet() {
        return method() == GET;
    }

    /** Whether data are to be taken; false for a probe. */
    public boolean isSet() {
        return method() == SET;
    }

    /** Returns where in {@link #segment()} the data start. */
    public long dataOffset() {
        return offset() + DATA;
    }

    /** Returns the length of the data in bytes. */
    public int dataLength() {
        return length() - DATA;
    }

    /**
     * Writes the envelope of a request or a reply; the data are put at {@link #DATA} by the caller.
     *
     * @param flags feature and method
     * @param dataLength of this message's data; for a GET request, of what the reply may have
     * @return {@link #SIZE}
     */
    public static int encode(MemorySegment segment, long at, int flags, int dataLength) {
        Wire.u32(segment, at + ARGSZ, SIZE + (long) dataLength);
        Wire.u32(segment, at + FLAGS, flags);
        return SIZE;
    }
}
