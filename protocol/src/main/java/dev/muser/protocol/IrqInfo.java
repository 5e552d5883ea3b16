package dev.muser.protocol;

import java.lang.foreign.MemorySegment;

/** DEVICE_GET_IRQ_INFO (7), request and reply: how many vectors an interrupt type has. */
public final class IrqInfo extends Payload {
    // struct vfio_irq_info {
    //     u32 argsz;    @0
    //     u32 flags;    @4   reply
    //     u32 index;    @8
    //     u32 count;    @12  reply
    // };
    private static final int ARGSZ = 0;
    private static final int FLAGS = 4;
    private static final int INDEX = 8;
    private static final int COUNT = 12;

    /** Length in bytes. */
    public static final int SIZE = 16;

    public static final int FLAG_EVENTFD = 1;
    public static final int FLAG_MASKABLE = 2;
    public static final int FLAG_AUTOMASKED = 4;
    public static final int FLAG_NORESIZE = 8;

    public static final int INTX = 0;
    public static final int MSI = 1;
    public static final int MSIX = 2;
    public static final int ERR = 3;
    public static final int REQ = 4;

    public IrqInfo wrap(MemorySegment segment, long offset, int length) {
        point(segment, offset, length);
        return this;
    }

    /**
     * Checks a request.
     *
     * @param irqCount how many interrupt types the device has
     */
    public int validateRequest(int irqCount) {
        return length() < SIZE || u32(ARGSZ) < SIZE || u32(INDEX) >= irqCount ? Wire.EINVAL : 0;
    }

    /** Checks a reply: it is about {@code index}, and has at most {@code maxVectors} vectors. */
    public int validateReply(int index, int maxVectors) {
        return length() < SIZE
                        || u32(ARGSZ) < SIZE
                        || u32(INDEX) != index
                        || u32(COUNT) > maxVectors
                ? Wire.EINVAL
                : 0;
    }

    public int flags() {
        return i32(FLAGS);
    }

    public int index() {
        return i32(INDEX);
    }

    /** Returns the number of vectors. */
    public int count() {
        return i32(COUNT);
    }

    public static int encodeRequest(MemorySegment segment, long at, int index) {
        return encodeReply(segment, at, 0, index, 0);
    }

    public static int encodeReply(MemorySegment segment, long at, int flags, int index, int count) {
        Wire.u32(segment, at + ARGSZ, SIZE);
        Wire.u32(segment, at + FLAGS, flags);
        Wire.u32(segment, at + INDEX, index);
        Wire.u32(segment, at + COUNT, count);
        return SIZE;
    }
}
