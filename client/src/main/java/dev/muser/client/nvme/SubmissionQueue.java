package dev.muser.client.nvme;

import dev.muser.client.DmaBuffer;

/**
 * The host's side of a submission queue. The controller learns of it by {@link
 * AdminCommands#createSubmissionQueue}.
 */
public final class SubmissionQueue {
    private final int id;
    private final int entries;
    private final DmaBuffer buffer;
    private final long offset;
    private final Doorbells doorbells;
    private final CompletionQueue completions;
    private final SubmissionEntry entry;
    private int tail;
    private int head;

    /**
     * Lays a queue out in memory that stays the caller's.
     *
     * @param completions where its commands complete
     * @param entries 2 to 65536; one of them always stays free
     * @param offset where it begins in {@code buffer}: a multiple of 16, and of the page size
     *     unless the controller is to refuse it
     */
    public SubmissionQueue(
            Doorbells doorbells,
            CompletionQueue completions,
            int id,
            int entries,
            DmaBuffer buffer,
            long offset) {
        QueuePair.check(id, entries, SubmissionEntry.SIZE, buffer, offset);
        this.id = id;
        this.entries = entries;
        this.buffer = buffer;
        this.offset = offset;
        this.doorbells = doorbells;
        this.completions = completions;
        entry = new SubmissionEntry(buffer.segment());
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

    public CompletionQueue completions() {
        return completions;
    }

    /** Hot. Returns how many entries can be prepared. */
    public int room() {
        int used = tail - head;
        return entries - 1 - (used < 0 ? used + entries : used);
    }

    /**
     * Returns the next entry, cleared, to be filled.
     *
     * @throws IllegalStateException when there is no {@link #room}
     */
    public SubmissionEntry next() {
        return slot().clear();
    }

    /** Hot. As {@link #next}, with all fields at once. */
    void add(long head0, long prp1, long prp2, long cdw10, long cdw12) {
        slot().set(head0, 0, 0, prp1, prp2, cdw10, cdw12, 0);
    }

    /** Hot. Tells the controller of all that was prepared. */
    public void submit() {
        doorbells.submissionTail(id, tail);
    }

    /** Rings the doorbell with any value. What this object believes stays as it was. */
    public void ring(int value) {
        doorbells.submissionTail(id, value);
    }

    /** Begins anew, as after {@code Create I/O Submission Queue}. */
    public void reset() {
        tail = 0;
        head = 0;
        doorbells.clear(id, false);
        completions.feed(this);
    }

    /**
     * Hot. Frees entries up to {@code newHead}, which a completion has told; nonsense is ignored.
     */
    void headAt(int newHead) {
        if (newHead < entries) {
            head = newHead;
        }
    }

    private SubmissionEntry slot() {
        int slot = tail;
        int next = slot + 1 == entries ? 0 : slot + 1;
        if (next == head) {
            throw new IllegalStateException(
                    "submission queue %d is full: %d entries".formatted(id, entries));
        }
        tail = next;
        return entry.wrap(offset + (long) slot * SubmissionEntry.SIZE);
    }
}
