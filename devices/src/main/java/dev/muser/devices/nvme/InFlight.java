package dev.muser.devices.nvme;

import dev.muser.device.pci.DeviceState;
import dev.muser.device.pci.StateArray;
import dev.muser.device.pci.Width;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * The commands that have been fetched and whose completions have not been posted, in memory that
 * outlives the process: a successor does those again that are not done, and posts those that are.
 *
 * <pre>
 * a slot, 64 bytes: the submission queue entry, but for 16 bytes of it that no command here uses
 *    8  u64  identity; 0 when the slot is free
 *              bits 0-31  how many entries of the queue had been fetched before this one
 *                  32-39  submission queue        40-47  completion queue
 *                  48     set in any slot in use   49    set when blocks have been compared
 *   16  u64  outcome; 0 until the command is done
 *              bits 0-31  command specific result  32-46  status        47  set when done
 *                  48     set when being posted    49-63  as which entry of its queue
 * </pre>
 *
 * <p>Each step is a store of 8 bytes that follows all that it speaks of: no undo log, and no step
 * is undone. Entries are recorded before the queue's count of fetched entries covers them, and are
 * started afterwards. When a command is done its outcome is noted, then which entry of the
 * completion queue it becomes; the entry is written, the queue's count of posted entries covers it,
 * and the slot is freed. So a successor that finds an outcome with a place in the queue writes the
 * same bytes to the same place, which a driver cannot tell from once.
 *
 * <p>Outcomes of admin commands, and of any that fail, belong to the transaction that has changed
 * what they are about, and are committed before they are posted. Whatever else ends commands
 * belongs to one too.
 *
 * <p>x86-64 keeps the order of stores; release is what keeps the compiler from changing it.
 */
final class InFlight {
    static final int SLOTS = 4096;

    /** Of these, as many are for the admin queue alone. */
    private static final int RESERVED = 64;

    private static final int SLOT = Command.ENTRY;
    private static final int IDENTITY = 8;
    private static final int OUTCOME = 16;

    private static final long VALID = 1L << 48;
    private static final long COMPARED = 2L << 48;
    private static final long DONE = 1L << 47;
    private static final long STATUS = 0x7fff;
    private static final int POSTING_BIT = 48;

    private static final ValueLayout.OfLong LONG =
            ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle LONGS = LONG.varHandle();

    private final DeviceState state;
    private final StateArray array;
    private MemorySegment bytes = MemorySegment.NULL;

    /** Slots that have been used, and are free again. */
    private int[] free = new int[64];

    private int freeCount;

    /** All from here on have never been used. */
    private int used;

    InFlight(DeviceState state) {
        this.state = state;
        array = state.array("nvme.in_flight", (long) SLOTS * SLOT);
    }

    /** Returns what tells a command from all others that are in flight. */
    static long identity(int submissionQueue, int completionQueue, long fetchedBefore) {
        return VALID
                | (long) completionQueue << 40
                | (long) submissionQueue << 32
                | (fetchedBefore & 0xffff_ffffL);
    }

    /** The state has its memory: finds what is there. */
    void open() {
        bytes = array.raw();
        freeCount = 0;
        used = SLOTS;
        while (used > 0 && isFree(used - 1)) {
            used--;
        }
        for (int slot = used - 1; slot >= 0; slot--) {
            if (isFree(slot)) {
                push(slot);
            }
        }
    }

    /** Hot. Says that a store follows which is for good. */
    void step() {
        state.step();
    }

    private void push(int slot) {
        if (freeCount == free.length) {
            free = Arrays.copyOf(free, 2 * freeCount);
        }
        free[freeCount++] = slot;
    }

    /** Hot. How many commands of a queue can be recorded now. */
    int available(int submissionQueue) {
        return SLOTS - used + freeCount - (submissionQueue == 0 ? 0 : RESERVED);
    }

    /** Hot. Returns a slot that nobody has; there is one available. */
    int take() {
        return freeCount == 0 ? used++ : free[--freeCount];
    }

    /**
     * Hot. Takes a slot for each of {@code n} entries, one after the other in {@code from}, and
     * copies there what matters of them.
     *
     * @param into gets the slots
     */
    void record(SubmissionQueue queue, MemorySegment from, int n, int[] into) {
        var b = bytes;
        VarHandle.releaseFence(); // not before the slots were free
        for (int i = 0; i < n; i++) {
            int slot = take();
            into[i] = slot;
            long at = (long) i * SLOT;
            long to = (long) slot * SLOT;
            b.set(LONG, to + OUTCOME, 0);
            b.set(LONG, to, from.get(LONG, at));
            b.set(LONG, to + 24, from.get(LONG, at + 24));
            b.set(LONG, to + 32, from.get(LONG, at + 32));
            b.set(LONG, to + 40, from.get(LONG, at + 40));
            b.set(LONG, to + 48, from.get(LONG, at + 48));
            b.set(LONG, to + 56, from.get(LONG, at + 56));
        }
        VarHandle.releaseFence();
        for (int i = 0; i < n; i++) {
            b.set(LONG, (long) into[i] * SLOT + IDENTITY, queue.identity(i));
            state.step();
        }
        VarHandle.releaseFence();
    }

    /** Notes the outcome of a command, for good. */
    void done(int slot, long outcome) {
        state.step();
        LONGS.setRelease(bytes, (long) slot * SLOT + OUTCOME, outcome);
    }

    /** Notes the outcome of a command together with what it has changed, if only the error log. */
    void doneWithChanges(int slot, long outcome) {
        array.set((long) slot * SLOT + OUTCOME, Width.U64, outcome);
    }

    /** Returns what is noted of a command that is done. */
    static long outcome(int result, int status) {
        return Integer.toUnsignedLong(result) | (status & STATUS) << 32 | DONE;
    }

    /** Notes that the blocks are as expected: the write that follows may begin. */
    void compared(int slot) {
        state.step();
        LONGS.setRelease(bytes, (long) slot * SLOT + IDENTITY, identity(slot) | COMPARED);
    }

    /** Hot. Notes as which entries commands are posted that are done, from {@code entry} on. */
    void posting(DueEntries due, int n, long entry) {
        var b = bytes;
        for (int i = 0; i < n; i++) {
            long place = ((entry + i) << 1 | 1) << POSTING_BIT;
            b.set(LONG, (long) due.slot(i) * SLOT + OUTCOME, due.outcome(i) | place);
            state.step();
        }
        VarHandle.releaseFence();
    }

    /** Hot. The completions of commands have been posted. */
    void free(DueEntries due, int n) {
        var b = bytes;
        for (int i = 0; i < n; i++) {
            int slot = due.slot(i);
            b.set(LONG, (long) slot * SLOT + IDENTITY, 0);
            push(slot);
            state.step();
        }
    }

    /** The completion of a command has been posted. */
    void free(int slot) {
        LONGS.setRelease(bytes, (long) slot * SLOT + IDENTITY, 0L);
        push(slot);
        state.step();
    }

    /** Forgets all, in the transaction that is going on: nobody will post anything. */
    void clear() {
        for (int slot = 0; slot < used; slot++) {
            if (!isFree(slot)) {
                array.set((long) slot * SLOT + IDENTITY, Width.U64, 0);
            }
        }
        used = 0;
        freeCount = 0;
    }

    /** As {@link #clear}, for those whose completions are due in a queue that is deleted. */
    void clear(int completionQueue) {
        for (int slot = 0; slot < used; slot++) {
            if (!isFree(slot) && completionQueue(slot) == completionQueue) {
                array.set((long) slot * SLOT + IDENTITY, Width.U64, 0);
                push(slot);
            }
        }
    }

    // ---- what a predecessor has left ----

    /** Returns how many slots there are that may not be free. */
    int used() {
        return used;
    }

    boolean isFree(int slot) {
        return identity(slot) == 0;
    }

    private long identity(int slot) {
        return bytes.get(LONG, (long) slot * SLOT + IDENTITY);
    }

    /** Returns what is noted; the upper bits tell of posting. */
    long outcome(int slot) {
        return bytes.get(LONG, (long) slot * SLOT + OUTCOME);
    }

    /** Returns where the entry is in {@link #entries}, in bytes. */
    static long at(int slot) {
        return (long) slot * SLOT;
    }

    MemorySegment entries() {
        return bytes;
    }

    int submissionQueue(int slot) {
        return (int) (identity(slot) >>> 32) & 0xff;
    }

    int completionQueue(int slot) {
        return (int) (identity(slot) >>> 40) & 0xff;
    }

    /** Returns the low half of how many entries of its queue had been fetched before it. */
    int fetchedBefore(int slot) {
        return (int) identity(slot);
    }

    boolean isDone(int slot) {
        return (outcome(slot) & DONE) != 0;
    }

    boolean isCompared(int slot) {
        return (identity(slot) & COMPARED) != 0;
    }

    int commandId(int slot) {
        return (int) (bytes.get(LONG, at(slot)) >>> 16) & 0xffff;
    }

    int fuse(int slot) {
        return (int) (bytes.get(LONG, at(slot)) >>> 8) & 3;
    }

    /** Whether it had begun to be posted. */
    boolean isPosting(int slot) {
        return (outcome(slot) >>> POSTING_BIT & 1) != 0;
    }

    /**
     * Returns how many entries there are between those that its completion queue has posted, {@code
     * posted}, and its own; less than 0 when its own is one of them.
     */
    int entriesAfter(int slot, long posted) {
        int entry = (int) (outcome(slot) >>> (POSTING_BIT + 1));
        int ahead = (entry - (int) posted) & 0x7fff;
        return ahead < 0x4000 ? ahead : ahead - 0x8000;
    }

    /** Frees a slot of no use, in the transaction that is going on. */
    void drop(int slot) {
        array.set((long) slot * SLOT + IDENTITY, Width.U64, 0);
        push(slot);
    }
}
