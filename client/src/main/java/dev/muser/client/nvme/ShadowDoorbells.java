package dev.muser.client.nvme;

import static dev.muser.client.nvme.LittleEndian.SHARED_U32;

import dev.muser.client.DmaBuffer;
import dev.muser.client.DmaSpace;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;

/**
 * Doorbells in memory (NVMe base 1.4, 5.7 and 7.13): the driver writes each value there, and to the
 * register only when the device has asked for it, by the event index.
 */
public final class ShadowDoorbells implements AutoCloseable {
    private static final int PAGE = 4096;

    private final DmaBuffer memory;
    private final MemorySegment segment;
    private final long values;
    private final long eventIndexes;

    /** Allocates the two pages. */
    ShadowDoorbells(DmaSpace dma) {
        memory = dma.allocate(2 * PAGE);
        segment = memory.segment();
        values = memory.iova();
        eventIndexes = memory.iova(PAGE);
    }

    /** Returns the address of the page that the driver writes. */
    public long values() {
        return values;
    }

    /** Returns the address of the page that the device writes. */
    public long eventIndexes() {
        return eventIndexes;
    }

    /** Whether the doorbell at {@code offset} behind the first one has a place here. */
    static boolean holds(long offset) {
        return offset <= PAGE - 4;
    }

    /** Forgets both values of a doorbell, of a queue that begins anew. */
    void clear(long offset) {
        if (holds(offset)) {
            SHARED_U32.setRelease(segment, offset, 0);
            SHARED_U32.setRelease(segment, offset + PAGE, 0);
        }
    }

    /** Hot. Writes a doorbell; returns whether the register must be written too. */
    boolean update(long offset, int value) {
        int old = (int) SHARED_U32.get(segment, offset);
        SHARED_U32.setRelease(segment, offset, value);
        // The device sets its event index, and then looks at the value once more. Either it sees
        // this value, or this sees its index.
        VarHandle.fullFence();
        int event = (int) SHARED_U32.getAcquire(segment, offset + PAGE);
        return needsEvent(event, value, old);
    }

    /**
     * Whether the step from {@code old} to {@code value} passes {@code event}, all modulo 2^16: the
     * rule of virtio's event index, and of Linux's driver.
     */
    static boolean needsEvent(int event, int value, int old) {
        return ((value - event - 1) & 0xffff) < ((value - old) & 0xffff);
    }

    /** Frees the pages. */
    @Override
    public void close() {
        memory.close();
    }
}
