package dev.muser.client.nvme;

import static dev.muser.client.nvme.LittleEndian.SHARED_U32;
import static dev.muser.client.nvme.LittleEndian.U32;
import static dev.muser.client.nvme.LittleEndian.U64;

import dev.muser.client.DmaBuffer;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The host's side of a completion queue, of one or more submission queues. The controller learns of
 * it by {@link AdminCommands#createCompletionQueue}.
 *
 * <p>{@link #poll} takes what is there and rings the doorbell once. A driver that submits right
 * after it completes uses {@link #advance}, and {@link #acknowledge} just before it submits: both
 * doorbells lie in one cache line, which then crosses to the device once and not twice.
 */
public final class CompletionQueue {
    /** Of an entry, in bytes. */
    public static final int ENTRY_SIZE = 16;

    private static final int DW2 = 8;
    private static final int DW3 = 12;
    private static final int PHASE = 1 << 16;

    private final int id;
    private final int entries;
    private final DmaBuffer buffer;
    private final long offset;
    private final MemorySegment memory;
    private final Doorbells doorbells;
    private final Completion completion = new Completion();
    private @Nullable SubmissionQueue[] feeders = new SubmissionQueue[1];
    private int head;
    private int phase;
    private boolean behind;

    /**
     * Lays a queue out in memory that stays the caller's.
     *
     * @param entries 2 to 65536
     * @param offset where it begins in {@code buffer}: a multiple of 16, and of the page size
     *     unless the controller is to refuse it
     */
    public CompletionQueue(
            Doorbells doorbells, int id, int entries, DmaBuffer buffer, long offset) {
        QueuePair.check(id, entries, ENTRY_SIZE, buffer, offset);
        this.id = id;
        this.entries = entries;
        this.buffer = buffer;
        this.offset = offset;
        memory = buffer.segment();
        this.doorbells = doorbells;
        reset();
    }

    public int id() {
        return id;
    }

    public int entries() {
        return entries;
    }

    /** Returns where the controller finds it. */
    public long iova() {
        return buffer.iova(offset);
    }

    /** Hot. Returns the entry that {@link #advance} took. */
    public Completion completion() {
        return completion;
    }

    /** Hot. Takes the next entry, if there is one, into {@link #completion}. */
    public boolean advance() {
        int slot = head;
        long at = offset + (long) slot * ENTRY_SIZE;
        // Pairs with the device's release of the phase: the rest of the entry is there when it is.
        int dw3 = (int) SHARED_U32.getAcquire(memory, at + DW3);
        if ((dw3 & PHASE) != phase) {
            return false;
        }
        int dw2 = memory.get(U32, at + DW2);
        completion.set(memory.get(U64, at), dw2, dw3);
        if (slot + 1 == entries) {
            head = 0;
            phase ^= PHASE;
        } else {
            head = slot + 1;
        }
        behind = true;
        int feeder = dw2 >>> 16;
        if (feeder < feeders.length) {
            var queue = feeders[feeder];
            if (queue != null) {
                queue.headAt(dw2 & 0xffff);
            }
        }
        return true;
    }

    /** Hot. Tells the controller what has been taken, if it does not know. */
    public void acknowledge() {
        if (behind) {
            behind = false;
            doorbells.completionHead(id, head);
        }
    }

    /**
     * Hot. Takes up to {@code max} entries and tells the controller so.
     *
     * @return how many
     */
    public int poll(CompletionHandler handler, int max) {
        int count = 0;
        try {
            while (count < max && advance()) {
                count++;
                handler.completed(completion);
            }
        } finally {
            acknowledge();
        }
        return count;
    }

    /** Rings the doorbell with any value. What this object believes stays as it was. */
    public void ring(int value) {
        doorbells.completionHead(id, value);
    }

    /** Begins anew, as after {@code Create I/O Completion Queue}. */
    public void reset() {
        head = 0;
        phase = PHASE;
        behind = false;
        memory.asSlice(offset, (long) entries * ENTRY_SIZE).fill((byte) 0);
        doorbells.clear(id, true);
    }

    /** Has completions free entries of {@code queue}. */
    void feed(SubmissionQueue queue) {
        if (queue.id() >= feeders.length) {
            feeders = Arrays.copyOf(feeders, queue.id() + 1);
        }
        feeders[queue.id()] = queue;
    }
}
