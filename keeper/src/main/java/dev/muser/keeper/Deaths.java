package dev.muser.keeper;

/** Tells a process that died from one that dies in a loop. */
final class Deaths {
    /** What {@link #record} returns when it is too much. */
    static final long GIVE_UP = -1;

    private static final long FIRST_PAUSE = 10_000_000;
    private static final long LONGEST_PAUSE = 5_000_000_000L;

    private final long within;
    private final long[] times;
    private int inARow;

    /**
     * @param limit how many deaths within the time are too many; 0 for any number
     * @param within nanoseconds
     */
    Deaths(int limit, long within) {
        this.within = within;
        times = new long[limit];
    }

    /**
     * Takes note of a death.
     *
     * @param now {@link System#nanoTime}
     * @param steady whether it had been well before, so that nothing points to a loop
     * @return how many nanoseconds to wait before the next start, or {@link #GIVE_UP}
     */
    long record(long now, boolean steady) {
        if (steady) {
            inARow = 0;
        }
        inARow++;
        int limit = times.length;
        if (limit > 0) {
            int slot = (inARow - 1) % limit;
            times[slot] = now;
            // the oldest of the last ones is in the next slot
            if (inARow >= limit && now - times[inARow % limit] <= within) {
                return GIVE_UP;
            }
        }
        if (inARow == 1) {
            return 0;
        }
        // 2^9 times the first pause is longer than the longest
        return Math.min(LONGEST_PAUSE, FIRST_PAUSE << Math.min(inARow - 2, 9));
    }

    /** Forgets all: {@code RESTART_RESET=1}. */
    void forget() {
        inARow = 0;
    }
}
