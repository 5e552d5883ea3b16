package dev.muser.protocol;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * DEVICE_SET_IRQS (8): wire, mask, unmask or trigger interrupt vectors. The reply is a header only.
 *
 * <p>Flags are one kind of data and one action. Eventfds come as descriptors beside the message and
 * take no room in it; the wire has no "-1".
 */
public final class SetIrqs extends Payload {
    // struct vfio_irq_set {
    //     u32 argsz;     @0
    //     u32 flags;     @4
    //     u32 index;     @8
    //     u32 start;     @12
    //     u32 count;     @16
    //     u8  data[];    @20  DATA_BOOL: one byte per vector
    // };
    private static final int ARGSZ = 0;
    private static final int FLAGS = 4;
    private static final int INDEX = 8;
    private static final int START = 12;
    private static final int COUNT = 16;
    private static final int DATA = 20;

    /** Length in bytes of the fixed part. */
    public static final int SIZE = 20;

    public static final int DATA_NONE = 1;
    public static final int DATA_BOOL = 2;
    public static final int DATA_EVENTFD = 4;
    public static final int ACTION_MASK = 8;
    public static final int ACTION_UNMASK = 0x10;
    public static final int ACTION_TRIGGER = 0x20;

    private static final int DATA_BITS = DATA_NONE | DATA_BOOL | DATA_EVENTFD;
    private static final int ACTION_BITS = ACTION_MASK | ACTION_UNMASK | ACTION_TRIGGER;

    public SetIrqs wrap(MemorySegment segment, long offset, int length) {
        point(segment, offset, length);
        return this;
    }

    /**
     * Checks a request.
     *
     * @param vectors the number of vectors of each interrupt type; its length is the number of
     *     types
     * @param fdCount how many descriptors came with the message. With DATA_EVENTFD and none of them
     *     the vectors are de-assigned: QEMU does that
     */
    public int validateRequest(int[] vectors, int fdCount) {
        if (length() < SIZE || u32(ARGSZ) < SIZE || u32(INDEX) >= vectors.length) {
            return Wire.EINVAL;
        }
        int flags = flags();
        if ((flags & ~(DATA_BITS | ACTION_BITS)) != 0
                || Integer.bitCount(flags & DATA_BITS) != 1
                || Integer.bitCount(flags & ACTION_BITS) != 1) {
            return Wire.EINVAL;
        }
        int errno = validateRange(vectors[index()]);
        return errno == 0 ? validateData(fdCount) : errno;
    }

    private int validateRange(int available) {
        long start = u32(START);
        long count = u32(COUNT);
        if (start >= available || start + count > available) {
            return Wire.EINVAL;
        }
        if (count == 0 && (start != 0 || flags() != (ACTION_TRIGGER | DATA_NONE))) {
            return Wire.EINVAL;
        }
        // These two are events, not interrupts: there is one of each and nothing masks it.
        boolean event = index() == IrqInfo.ERR || index() == IrqInfo.REQ;
        return event && (count > 1 || action() != ACTION_TRIGGER) ? Wire.EINVAL : 0;
    }

    private int validateData(int fdCount) {
        boolean good =
                switch (dataType()) {
                    case DATA_EVENTFD -> fdCount == 0 || fdCount == count();
                    case DATA_BOOL -> fdCount == 0 && length() - SIZE == count();
                    default -> fdCount == 0;
                };
        return good ? 0 : Wire.EINVAL;
    }

    public int flags() {
        return i32(FLAGS);
    }

    /** Returns {@link #DATA_NONE}, {@link #DATA_BOOL} or {@link #DATA_EVENTFD}. */
    public int dataType() {
        return flags() & DATA_BITS;
    }

    /** Returns {@link #ACTION_MASK}, {@link #ACTION_UNMASK} or {@link #ACTION_TRIGGER}. */
    public int action() {
        return flags() & ACTION_BITS;
    }

    /** Returns the interrupt type: {@link IrqInfo#INTX} and so on. */
    public int index() {
        return i32(INDEX);
    }

    /** Returns the first vector. */
    public int start() {
        return i32(START);
    }

    /** Returns the number of vectors; start + count is within what the type has. */
    public int count() {
        return i32(COUNT);
    }

    /** Whether to act on vector start + {@code i}; only with {@link #DATA_BOOL}. */
    public boolean bool(int i) {
        return segment().get(ValueLayout.JAVA_BYTE, offset() + DATA + i) != 0;
    }

    /**
     * Writes a request. With {@link #DATA_BOOL} the caller adds the bytes with {@link #encodeBool}.
     *
     * @return the payload's length, the bytes of DATA_BOOL included
     */
    public static int encodeRequest(
            MemorySegment segment, long at, int flags, int index, int start, int count) {
        int length = SIZE + ((flags & DATA_BOOL) != 0 ? count : 0);
        Wire.u32(segment, at + ARGSZ, length);
        Wire.u32(segment, at + FLAGS, flags);
        Wire.u32(segment, at + INDEX, index);
        Wire.u32(segment, at + START, start);
        Wire.u32(segment, at + COUNT, count);
        return length;
    }

    /** Writes whether to act on vector start + {@code i}. */
    public static void encodeBool(MemorySegment segment, long at, int i, boolean act) {
        segment.set(ValueLayout.JAVA_BYTE, at + DATA + i, (byte) (act ? 1 : 0));
    }
}
