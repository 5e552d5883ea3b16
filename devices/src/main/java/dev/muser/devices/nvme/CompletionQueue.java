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
 * waits. Each step of an entry's way is noted, see {@link InFlight}.
 */
final class CompletionQueue {
    static final int ENTRY = 16;

    private static final ValueLayout.OfLong LONG =
            ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final int PHASE_BIT = 48;

    final int id;
    final int size;
    final int vector;
    final boolean interrupts;
    final GuestWindow window;
    private final QueueRecords records;
    private final InFlight inFlight;

    /** How many submission queues complete here. */
    int users;

    /** Commands that were fetched and have no entry here yet. */
    int underWay;

    /** What the driver has taken, as last seen; in the device's state too. */
    private int head;

    /** Where the next entry goes. */
    int tail;

    private final DueEntries due = new DueEntries();
    private long phase;

    /** Entries that were written, in all. */
    private long written;

    /** Entries that were written and have arrived, in all; in the device's state too. */
    private long posted;

    /** Slots of entries from {@link #posted} on that a predecessor may have written, or not. */
    private int[] again = {};

    /** How far the submission queues of these have been fetched. */
    private int[] againHeads = {};

    /** Entries that the driver has not been told of. */
    int untold;

    /** Whether the driver was told, and has not moved its head since. */
    boolean told;

    /** For how many turns that has been so, with entries that it was not told of. */
    int turnsTold;

    /** Entries that are on their way by message: the driver is told when they have arrived. */
    private int messages;

    /**
     * By place in the queue, of entries from {@link #posted} on: 1 + the slot, negative when the
     * entry has arrived before another. Only where there are messages.
     */
    private int[] sent = {};

    /** Whether a message was refused. */
    private boolean failed;

    private boolean closed;
    private final Runnable arrived;
    private final MemorySegment scratch = Arena.ofAuto().allocate(ENTRY, 8);

    /**
     * As the records say.
     *
     * @param arrived is run when an entry that went by message has arrived
     */
    CompletionQueue(
            int id, QueueRecords records, GuestWindow window, InFlight inFlight, Runnable arrived) {
        this.id = id;
        this.records = records;
        this.window = window;
        this.inFlight = inFlight;
        this.arrived = arrived;
        size = records.entries(id);
        vector = records.partner(id);
        interrupts = records.kind(id) != 0;
        head = records.head(id);
        posted = records.count(id);
        goTo(posted);
        window.set(records.address(id), (long) size * ENTRY, DmaAccess.WRITE);
    }

    private void goTo(long entry) {
        written = entry;
        tail = placeOf(entry);
        phase = phaseOf(entry);
    }

    private int placeOf(long entry) {
        return (int) Long.remainderUnsigned(entry, size);
    }

    private long phaseOf(long entry) {
        return ((Long.divideUnsigned(entry, size) & 1) ^ 1) << PHASE_BIT;
    }

    /** It is no more: what arrives later is about nothing. */
    void close() {
        closed = true;
    }

    /** Hot. How many more commands may be fetched that will complete here. */
    int room() {
        return size - underWay - due.count();
    }

    /** Hot. Whether entries are due. */
    boolean hasDue() {
        return due.count() != 0 || again.length != 0;
    }

    /** Hot. Returns what the driver has taken, as last seen. */
    int head() {
        return head;
    }

    /** Hot. The driver has taken more. */
    void head(int newHead) {
        head = newHead;
        records.head(id, newHead);
    }

    /** Whether there are entries that the driver has not taken. */
    boolean isEmpty() {
        return head == tail;
    }

    /** Returns how many entries there are that the driver has not taken. */
    int unread() {
        int n = tail - head;
        return n < 0 ? n + size : n;
    }

    /** Hot. An entry is due. */
    void add(int slot, long outcome, int sqHead, int sqId, int cid) {
        due.add(slot, outcome, sqHead, sqId, cid);
    }

    /**
     * Notes the outcomes of all that are due, so that these commands are not done again. In other
     * cases that may happen before they are posted, which is soon: nobody has seen what they did.
     */
    void noteOutcomes() {
        due.note(inFlight);
    }

    /**
     * Hot. Writes what is due and fits.
     *
     * @return how many, or -1 when the driver's memory cannot be written
     */
    int publish(GuestMemory memory) {
        int n = again.length == 0 ? 0 : publishAgain(memory);
        if (n < 0) {
            return n;
        }
        int most = Math.min(due.count(), size - 1 - unread());
        most = Math.min(most, size - (int) (written - posted)); // those may be written once more
        if (most > 0) {
            inFlight.posting(due, most, written);
            boolean direct = written == posted && window.isDirect();
            if ((direct ? writeDirectly(most) : writeEach(memory, most)) != 0) {
                return -1;
            }
            due.remove(most);
            n += most;
        }
        if (due.count() != 0) {
            noteOutcomes(); // they wait for the driver
        }
        untold += n;
        return n;
    }

    /** Hot. Each step for all of them, then the next. */
    private int writeDirectly(int n) {
        for (int i = 0; i < n; i++) {
            long at = (long) tail * ENTRY;
            int error = window.store128(at, due.low(i), due.high(i) | phase);
            if (error != 0) {
                return error;
            }
            goOn();
            inFlight.step();
        }
        posted = written;
        records.count(id, posted);
        inFlight.step();
        inFlight.free(due, n);
        return 0;
    }

    private int writeEach(GuestMemory memory, int n) {
        int error = 0;
        for (int i = 0; i < n && error == 0; i++) {
            error = write(memory, due.slot(i), due.low(i), due.high(i) | phase);
        }
        return error;
    }

    /** Writes the next entry, which has that slot. */
    private int write(GuestMemory memory, int slot, long low, long high) {
        long at = (long) tail * ENTRY;
        if (written == posted && window.isDirect()) {
            int error = window.store128(at, low, high);
            if (error == 0) {
                inFlight.step();
                goOn();
                hasArrived(slot);
            }
            return error;
        }
        long entry = written;
        if (sent.length == 0) {
            sent = new int[size];
        }
        sent[tail] = slot + 1;
        goOn();
        scratch.set(LONG, 0, low);
        scratch.set(LONG, 8, high);
        int error = window.writeNow(at, scratch, 0, 8);
        if (error == GuestMemory.BY_MESSAGE) {
            return byMessage(memory, at, entry);
        }
        VarHandle.releaseFence();
        error = error != 0 ? error : window.writeNow(at + 8, scratch, 8, 8);
        if (error == 0) {
            inFlight.step();
            haveArrived(entry);
        }
        return error;
    }

    private void goOn() {
        written++;
        tail++;
        if (tail == size) {
            tail = 0;
            phase ^= 1L << PHASE_BIT;
        }
    }

    /** Hot. The driver can see the entry behind those that it could see. */
    private void hasArrived(int slot) {
        posted++;
        records.count(id, posted);
        inFlight.step();
        inFlight.free(slot);
    }

    private int byMessage(GuestMemory memory, long at, long number) {
        var entry = Arena.ofAuto().allocate(ENTRY, 8).copyFrom(scratch);
        messages++;
        memory.write(
                window.iova() + at,
                entry,
                errno -> {
                    messages--;
                    failed |= errno != 0;
                    if (errno == 0 && !closed) {
                        haveArrived(number);
                    }
                    arrived.run();
                });
        return failed ? -1 : 0;
    }

    /** One has arrived, maybe before others that went before. */
    private void haveArrived(long entry) {
        int place = placeOf(entry);
        sent[place] = -sent[place];
        for (int at = placeOf(posted); posted != written && sent[at] < 0; at = placeOf(posted)) {
            int slot = -sent[at] - 1;
            sent[at] = 0;
            hasArrived(slot);
        }
    }

    /** Returns as which entry behind the posted ones a command was being posted. */
    int ahead(int slot) {
        return inFlight.entriesAfter(slot, posted);
    }

    /**
     * These commands were being posted when a predecessor died, as the entries from here on. They
     * are written once more, to the same places.
     *
     * @param heads how far their submission queues have been fetched
     */
    void postAgain(int[] theirSlots, int[] heads) {
        again = theirSlots;
        againHeads = heads;
        goTo(posted + theirSlots.length);
    }

    private int publishAgain(GuestMemory memory) {
        var theirs = again;
        again = new int[0];
        goTo(posted);
        int error = 0;
        for (int i = 0; i < theirs.length && error == 0; i++) {
            int slot = theirs[i];
            long outcome = inFlight.outcome(slot);
            long high =
                    DueEntries.high(
                            outcome,
                            againHeads[i],
                            inFlight.submissionQueue(slot),
                            inFlight.commandId(slot));
            long low = outcome & 0xffff_ffffL;
            error = write(memory, slot, low, high | phase);
        }
        return error == 0 ? theirs.length : -1;
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
        return (taken < 0 ? taken + size : taken) <= unread();
    }

    /** Whether a value of the doorbell is to be reported: not the same twice. */
    boolean refuses(long value) {
        if (records.refused(id) == value) {
            return false;
        }
        records.refused(id, value);
        return true;
    }
}
