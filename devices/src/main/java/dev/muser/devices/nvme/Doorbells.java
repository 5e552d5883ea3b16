package dev.muser.devices.nvme;

import dev.muser.device.DmaAccess;
import dev.muser.device.pci.BackedMemory;
import dev.muser.device.pci.DeviceState;
import dev.muser.device.pci.GuestMemory;
import dev.muser.device.pci.GuestWindow;
import dev.muser.device.pci.StateField;
import dev.muser.device.pci.Width;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * Where drivers say how far they have got: a page of doorbells, written by mapping or by message
 * (NVMe base 1.4, 3.1.24), or memory of the driver's own (Doorbell Buffer Config, 5.7 and B.5).
 *
 * <pre>
 *   8 * queue + 0  u32  tail of the submission queue
 *   8 * queue + 4  u32  head of the completion queue
 * </pre>
 *
 * With a doorbell buffer, a second page of the same layout has the values up to which the driver
 * need not ring: writing the value last seen there asks for a ring at the next one.
 */
final class Doorbells {
    static final int STRIDE = 8;
    private static final int HEAD = 4;
    private static final int PAGE = 4096;
    private static final VarHandle INTS =
            ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();

    private final BackedMemory page;
    private final GuestWindow shadow;
    private final GuestWindow events;
    private final StateField bufferUsed;
    private final StateField shadowAddress;
    private final StateField eventAddress;
    private boolean shadowed;

    Doorbells(DeviceState state, BackedMemory page, GuestMemory memory) {
        this.page = page;
        shadow = memory.window();
        events = memory.window();
        bufferUsed = state.field("nvme.doorbell_buffer.used", Width.U8);
        shadowAddress = state.field("nvme.doorbell_buffer.shadow", Width.U64);
        eventAddress = state.field("nvme.doorbell_buffer.events", Width.U64);
    }

    /** The state has its values. */
    void open() {
        set(shadowAddress.get(), eventAddress.get());
        shadowed = bufferUsed.get() != 0;
    }

    /** Hot. Returns the tail of a submission queue, any value; -1 when its memory is gone. */
    long tail(int queue) {
        return load(queue, (long) queue * STRIDE);
    }

    /** Hot. Returns the head of a completion queue, any value; -1 when its memory is gone. */
    long head(int queue) {
        return load(queue, (long) queue * STRIDE + HEAD);
    }

    private long load(int queue, long at) {
        if (shadowed && queue != 0) {
            return shadow.load32(at);
        }
        return Integer.toUnsignedLong((int) INTS.getAcquire(page.segment(), at));
    }

    /** A queue is new: whatever was left there is not about it. */
    void clearTail(int queue) {
        clear(queue, (long) queue * STRIDE);
    }

    void clearHead(int queue) {
        clear(queue, (long) queue * STRIDE + HEAD);
    }

    private void clear(int queue, long at) {
        INTS.setRelease(page.segment(), at, 0);
        if (shadowed && queue != 0) {
            shadow.store32(at, 0);
            events.store32(at, 0);
        }
    }

    /**
     * All queues are gone, and so is the driver's doorbell buffer. The page stays as it is, since
     * this may be undone; see {@link #wipe}.
     */
    void reset() {
        shadowed = false;
        bufferUsed.set(0);
    }

    /** There are no queues, and that is there to stay: nothing is left for whoever comes next. */
    void wipe() {
        page.segment().fill((byte) 0);
    }

    /** Whether the driver writes its own memory, and rings only when asked to. */
    boolean isShadowed() {
        return shadowed;
    }

    /**
     * Uses pages of the driver's from now on, for all queues but the admin ones.
     *
     * @return false when they are not shared with this process: there is no looking at them, and
     *     all stays as it was
     */
    boolean useBuffer(long shadowPage, long eventPage) {
        long oldShadow = shadow.iova();
        long oldEvents = events.iova();
        set(shadowPage, eventPage);
        boolean shared = shadow.isDirect() && events.isDirect();
        if (shared) {
            shadowed = true;
            bufferUsed.set(1);
            shadowAddress.set(shadowPage);
            eventAddress.set(eventPage);
        } else {
            set(oldShadow, oldEvents);
        }
        return shared;
    }

    private void set(long shadowPage, long eventPage) {
        shadow.set(shadowPage, PAGE, DmaAccess.READ_WRITE);
        events.set(eventPage, PAGE, DmaAccess.READ_WRITE);
    }

    /** Asks the driver to ring when it moves this tail on; returns false when memory is gone. */
    boolean askForTail(int queue, int seen) {
        return events.store32((long) queue * STRIDE, seen) == 0;
    }

    /** Asks the driver to ring when it moves this head on; returns false when memory is gone. */
    boolean askForHead(int queue, int seen) {
        return events.store32((long) queue * STRIDE + HEAD, seen) == 0;
    }
}
