package dev.muser.devices.nvme;

import dev.muser.device.DmaAccess;
import dev.muser.device.pci.GuestMemory;
import dev.muser.device.pci.GuestWindow;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * A completion queue: entries that are due, and their way into the driver's memory.
 *
 * <pre>
 * an entry (NVMe base 1.4, 4.6), 16 bytes:
 *   0  u32  command specific    4  u32  reserved
 *   8  u16  SQ head pointer    10  u16  SQ identifier
 *  12  u16  command identifier 14  u16  bit 0 phase tag, 1-15 status
 * </pre>
 *
 * <p>Entries are collected while commands are done and written together, so that the driver's CPU
 * and this one pass a cache line to and fro as seldom as can be. An entry that finds the queue full
 * waits.
 */
final class CompletionQueue {
    static final int ENTRY = 16;

    private static final ValueLayout.OfLong LONG =
            ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN);

    final int id;
    final int size;
    final int vector;
    final boolean interrupts;
    final GuestWindow window;

    /** How many submission queues complete here. */
    int users;

    /** Commands that were fetched and have no entry here yet. */
    int underWay;

    /** What the driver has taken, as last seen. */
    int head;

    /** Where the next entry goes. */
    int tail;

    /** A value of the doorbell that was refused, so that it is reported once; -1 for none. */
    long refusedHead = -1;

    // entries that are due: a ring, oldest at first
    private long[] lows = new long[32];
    private long[] highs = new long[32];
    private int first;
    private int due;

    private int phase = 1;

    /** Entries that the driver has not been told of. */
    int untold;

    /** Whether the driver was told, and has not moved its head since. */
    boolean told;

    /** For how many turns that has been so, with entries that it was not told of. */
    int turnsTold;

    /** Entries that are on their way by message: the driver is told when they have arrived. */
    private int messages;

    /** Whether a message was refused. */
    private boolean failed;

    private final Runnable arrived;

    private final MemorySegment scratch = Arena.ofAuto().allocate(ENTRY, 8);

    /**
     * @param arrived is run when an entry that went by message has arrived
     */
    CompletionQueue(
            int id,
            int size,
            int vector,
            boolean interrupts,
            GuestWindow window,
            long address,
            Runnable arrived) {
        this.arrived = arrived;
        this.id = id;
        this.size = size;
        this.vector = vector;
        this.interrupts = interrupts;
        this.window = window;
        window.set(address, (long) size * ENTRY, DmaAccess.WRITE);
    }

    /** Hot. How many more commands may be fetched that will complete here. */
    int room() {
        return size - underWay - due;
    }

    /** Hot. Whether entries are due. */
    boolean hasDue() {
        return due != 0;
    }

    /** Whether there are entries that the driver has not taken. */
    boolean isEmpty() {
        return head == tail;
    }

    /** Hot. An entry is due. */
    void add(int result, int sqHead, int sqId, int cid, int status) {
        if (due == lows.length) {
            grow();
        }
        int at = (first + due) & (lows.length - 1);
        lows[at] = Integer.toUnsignedLong(result);
        highs[at] = sqHead | (long) sqId << 16 | (long) cid << 32 | (long) status << 49;
        due++;
    }

    private void grow() {
        var newLows = new long[2 * due];
        var newHighs = new long[2 * due];
        for (int i = 0; i < due; i++) {
            newLows[i] = lows[(first + i) & (due - 1)];
            newHighs[i] = highs[(first + i) & (due - 1)];
        }
        lows = newLows;
        highs = newHighs;
        first = 0;
    }

    /**
     * Hot. Writes what is due and fits.
     *
     * @return how many, or -1 when the driver's memory cannot be written
     */
    int publish(GuestMemory memory) {
        int free = head - tail - 1;
        if (free < 0) {
            free += size;
        }
        int n = Math.min(due, free);
        boolean direct = window.isDirect();
        for (int i = 0; i < n; i++) {
            long low = lows[first];
            long high = highs[first] | (long) phase << 48;
            int error =
                    direct
                            ? window.store128((long) tail * ENTRY, low, high)
                            : write(memory, low, high);
            if (error != 0) {
                return -1;
            }
            first = (first + 1) & (lows.length - 1);
            due--;
            tail++;
            if (tail == size) {
                tail = 0;
                phase ^= 1;
            }
        }
        untold += n;
        return n;
    }

    /** Where the queue crosses mappings, or the driver has to be asked to take it. */
    private int write(GuestMemory memory, long low, long high) {
        scratch.set(LONG, 0, low);
        scratch.set(LONG, 8, high);
        long at = (long) tail * ENTRY;
        int error = window.writeNow(at, scratch, 0, 8);
        if (error == GuestMemory.BY_MESSAGE) {
            return byMessage(memory, at);
        }
        VarHandle.releaseFence();
        return error != 0 ? error : window.writeNow(at + 8, scratch, 8, 8);
    }

    private int byMessage(GuestMemory memory, long at) {
        var entry = Arena.ofAuto().allocate(ENTRY, 8).copyFrom(scratch);
        messages++;
        memory.write(
                window.iova() + at,
                entry,
                errno -> {
                    messages--;
                    failed |= errno != 0;
                    arrived.run();
                });
        return failed ? -1 : 0;
    }

    /** Hot. Whether all entries that were written can be seen by the driver. */
    boolean haveArrived() {
        return messages == 0;
    }

    boolean hasFailed() {
        return failed;
    }

    /** Hot. Whether the driver may have taken entries up to {@code newHead}. */
    boolean accepts(int newHead) {
        if (newHead < 0 || newHead >= size) {
            return false;
        }
        int taken = newHead - head;
        int there = tail - head;
        return (taken < 0 ? taken + size : taken) <= (there < 0 ? there + size : there);
    }
}
