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

    /** The next entry to fetch. */
    int head;

    /** A value of the doorbell that was refused, so that it is reported once; -1 for none. */
    long refusedTail = -1;

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

    SubmissionQueue(
            int id,
            int size,
            int priority,
            CompletionQueue completions,
            GuestWindow window,
            long address) {
        this.id = id;
        this.size = size;
        this.priority = priority;
        this.completions = completions;
        this.window = window;
        window.set(address, (long) size * Command.ENTRY, DmaAccess.READ);
    }

    /** Hot. How many entries there are up to {@code tail}. */
    int available(int tail) {
        int n = tail - head;
        return n < 0 ? n + size : n;
    }

    /** Hot. Goes on behind {@code n} entries that were fetched. */
    void advance(int n) {
        head += n;
        if (head >= size) {
            head -= size;
        }
    }
}
