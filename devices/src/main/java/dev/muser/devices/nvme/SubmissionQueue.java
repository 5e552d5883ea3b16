package dev.muser.devices.nvme;

import dev.muser.device.DmaAccess;
import dev.muser.device.pci.GuestWindow;
import org.jspecify.annotations.Nullable;

/** A submission queue, as far as it has been fetched. */
final class SubmissionQueue {
    final int id;
    final int size;
    final CompletionQueue completions;

    /** 0 urgent, 1 high, 2 medium, 3 low; counts for weighted arbitration. */
    final int priority;

    final GuestWindow window;
    private final QueueRecords records;

    /** The next entry to fetch. */
    int head;

    /** How many were fetched in all; in the device's state too. */
    private long fetched;

    /** Commands that were fetched and are not completed. */
    int underWay;

    /** Nothing is fetched any more: it is being deleted. */
    boolean closing;

    /** Waits for the end of what is under way. */
    @Nullable Command deletion;

    /** The first half of a fused operation, which waits for the second. */
    @Nullable Command fused;

    /** Entries that are being read by message. */
    int fetching;

    /** Bytes that its last command moved: what to expect of the next. */
    long usualCost = 4096;

    /** As the records say. */
    SubmissionQueue(int id, QueueRecords records, CompletionQueue completions, GuestWindow window) {
        this.id = id;
        this.records = records;
        this.completions = completions;
        this.window = window;
        size = records.entries(id);
        priority = records.kind(id);
        fetched = records.count(id);
        head = (int) Long.remainderUnsigned(fetched, size);
        window.set(records.address(id), (long) size * Command.ENTRY, DmaAccess.READ);
    }

    /** Hot. How many entries there are up to {@code tail}. */
    int available(int tail) {
        int n = tail - head;
        return n < 0 ? n + size : n;
    }

    /** Hot. Returns what tells an entry from all others: the one so many behind the next. */
    long identity(int ahead) {
        return InFlight.identity(id, completions.id, fetched + ahead);
    }

    /** Whether the entry before which so many were fetched, as its low half, has been fetched. */
    boolean hasFetched(int before) {
        return before - (int) fetched < 0;
    }

    /** Returns how long ago that was, in entries. */
    long fetchedSince(int before) {
        return ((int) fetched - before) & 0xffff_ffffL;
    }

    /** Hot. Goes on behind {@code n} entries that have been fetched and recorded. */
    void advance(int n) {
        head += n;
        if (head >= size) {
            head -= size;
        }
        fetched += n;
        records.count(id, fetched);
    }

    /** Whether a value of the doorbell is to be reported: not the same twice. */
    boolean refuses(long tail) {
        if (records.refused(id) == tail) {
            return false;
        }
        records.refused(id, tail);
        return true;
    }
}
