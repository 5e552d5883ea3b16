package dev.muser.protocol;

import java.lang.foreign.MemorySegment;

/** DEVICE_GET_INFO (4), request and reply: how many regions and interrupt types there are. */
public final class GetInfo extends Payload {
    // struct vfio_device_info {
    //     u32 argsz;          @0
    //     u32 flags;          @4   reply
    //     u32 num_regions;    @8   reply
    //     u32 num_irqs;       @12  reply
    // };
    private static final int ARGSZ = 0;
    private static final int FLAGS = 4;
    private static final int NUM_REGIONS = 8;
    private static final int NUM_IRQS = 12;

    /** Length in bytes. */
    public static final int SIZE = 16;

    /** The device can be reset. */
    public static final int FLAG_RESET = 1;

    public static final int FLAG_PCI = 2;

    public GetInfo wrap(MemorySegment segment, long offset, int length) {
        point(segment, offset, length);
        return this;
    }

    public int validateRequest() {
        return length() < SIZE || u32(ARGSZ) < SIZE ? Wire.EINVAL : 0;
    }

    /**
     * Checks a reply.
     *
     * @param maxRegions more than these are refused, lest the other side makes this one run out of
     *     memory; likewise {@code maxIrqs}
     */
    public int validateReply(int maxRegions, int maxIrqs) {
        return length() < SIZE
                        || u32(ARGSZ) < SIZE
                        || u32(NUM_REGIONS) > maxRegions
                        || u32(NUM_IRQS) > maxIrqs
                ? Wire.EINVAL
                : 0;
    }

    public int flags() {
        return i32(FLAGS);
    }

    public int regionCount() {
        return i32(NUM_REGIONS);
    }

    /** Returns the number of interrupt types (INTx, MSI, ...), not of vectors. */
    public int irqCount() {
        return i32(NUM_IRQS);
    }

    public static int encodeRequest(MemorySegment segment, long at) {
        return encodeReply(segment, at, 0, 0, 0);
    }

    public static int encodeReply(
            MemorySegment segment, long at, int flags, int regionCount, int irqCount) {
        Wire.u32(segment, at + ARGSZ, SIZE);
        Wire.u32(segment, at + FLAGS, flags);
        Wire.u32(segment, at + NUM_REGIONS, regionCount);
        Wire.u32(segment, at + NUM_IRQS, irqCount);
        return SIZE;
    }
}
