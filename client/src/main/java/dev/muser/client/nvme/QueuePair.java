package dev.muser.client.nvme;

import dev.muser.client.DmaBuffer;
import dev.muser.client.DmaMemory;
import dev.muser.client.DmaSpace;
import dev.muser.device.DmaAccess;

/** A submission queue and a completion queue of the same identifier, in memory of their own. */
public final class QueuePair implements AutoCloseable {
    private static final int MAX_ENTRIES = 1 << 16;

    private final DmaBuffer buffer;
    private final SubmissionQueue submissions;
    private final CompletionQueue completions;

    /** Allocates a pair of {@code entries} each. */
    public QueuePair(Doorbells doorbells, int id, int entries, DmaSpace dma, DmaMemory kind) {
        long pages = ((long) SubmissionEntry.SIZE * entries + 4095) & -4096;
        buffer =
                dma.allocate(
                        pages + (long) CompletionQueue.ENTRY_SIZE * entries,
                        DmaAccess.READ_WRITE,
                        kind);
        completions = new CompletionQueue(doorbells, id, entries, buffer, pages);
        submissions = new SubmissionQueue(doorbells, completions, id, entries, buffer, 0);
    }

    public SubmissionQueue submissions() {
        return submissions;
    }

    public CompletionQueue completions() {
        return completions;
    }

    public int id() {
        return submissions.id();
    }

    /** Returns the next entry: {@link SubmissionQueue#next}. */
    public SubmissionEntry next() {
        return submissions.next();
    }

    /** Hot. Rings the doorbell for all that was prepared. */
    public void submit() {
        submissions.submit();
    }

    /** Hot. Takes completions: {@link CompletionQueue#poll}. */
    public int poll(CompletionHandler handler, int max) {
        return completions.poll(handler, max);
    }

    /** Begins anew. */
    public void reset() {
        completions.reset();
        submissions.reset();
    }

    /** Frees the memory, of queues that the controller no longer uses. */
    @Override
    public void close() {
        buffer.close();
    }

    static void check(int id, int entries, int entrySize, DmaBuffer buffer, long offset) {
        if (id < 0 || id > 0xffff || entries < 2 || entries > MAX_ENTRIES) {
            throw new IllegalArgumentException(
                    "queue %d of %d entries: identifiers go to 65535, entries from 2 to 65536"
                            .formatted(id, entries));
        }
        if (offset < 0
                || (offset & 15) != 0
                || offset > buffer.size() - (long) entries * entrySize) {
            throw new IllegalArgumentException(
                    "queue %d of %d x %d bytes at 0x%x of a buffer of 0x%x bytes: must lie inside it"
                                    .formatted(id, entries, entrySize, offset, buffer.size())
                            + ", at a multiple of 16");
        }
    }
}
