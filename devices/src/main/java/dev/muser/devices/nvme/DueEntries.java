package dev.muser.devices.nvme;

/** Completion queue entries that are to be written: a ring, oldest at first. */
final class DueEntries {
    private static final long STATUS = 0x7fffL << 32;

    /** {@linkplain InFlight#outcome Outcomes}: the lower half is the lower half of the entry. */
    private long[] outcomes = new long[32];

    /** Upper halves, with phase 0. */
    private long[] highs = new long[32];

    private int[] slots = new int[32];
    private int first;
    private int count;

    /** Of so many the outcomes have been noted. */
    private int noted;

    /** Hot. */
    int count() {
        return count;
    }

    /** Hot. */
    void add(int slot, long outcome, int sqHead, int sqId, int cid) {
        if (count == slots.length) {
            grow();
        }
        int at = (first + count) & (slots.length - 1);
        outcomes[at] = outcome;
        highs[at] = high(outcome, sqHead, sqId, cid);
        slots[at] = slot;
        count++;
    }

    /** Hot. Returns the upper half of an entry with phase 0. */
    static long high(long outcome, int sqHead, int sqId, int cid) {
        return sqHead | (long) sqId << 16 | (long) cid << 32 | (outcome & STATUS) << 17;
    }

    private void grow() {
        var newOutcomes = new long[2 * count];
        var newHighs = new long[2 * count];
        var newSlots = new int[2 * count];
        for (int i = 0; i < count; i++) {
            newOutcomes[i] = outcome(i);
            newHighs[i] = high(i);
            newSlots[i] = slot(i);
        }
        outcomes = newOutcomes;
        highs = newHighs;
        slots = newSlots;
        first = 0;
    }

    /** Hot. Returns the slot of the one so many behind the oldest. */
    int slot(int index) {
        return slots[(first + index) & (slots.length - 1)];
    }

    /** Hot. */
    long outcome(int index) {
        return outcomes[(first + index) & (slots.length - 1)];
    }

    /** Hot. Returns its lower half. */
    long low(int index) {
        return outcome(index) & 0xffff_ffffL;
    }

    /** Hot. Returns its upper half, with phase 0. */
    long high(int index) {
        return highs[(first + index) & (slots.length - 1)];
    }

    /** Hot. Takes the oldest away. */
    void remove(int n) {
        first = (first + n) & (slots.length - 1);
        count -= n;
        noted = Math.max(0, noted - n);
    }

    /** Notes the outcomes of all, for good. */
    void note(InFlight inFlight) {
        for (; noted < count; noted++) {
            inFlight.done(slot(noted), outcome(noted));
        }
    }
}
