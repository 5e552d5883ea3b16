package dev.muser.keeper;

import java.time.Duration;

/** The keeper's clock: nanoseconds since it started, so that they compare as numbers do. */
final class Time {
    static final long NEVER = Long.MAX_VALUE;

    private static final long START = System.nanoTime();

    private Time() {}

    static long now() {
        return System.nanoTime() - START;
    }

    /** Returns the time that is {@code away}; never when it is zero. */
    static long in(Duration away) {
        return in(away.toNanos());
    }

    static long in(long nanoseconds) {
        return nanoseconds <= 0 ? NEVER : now() + nanoseconds;
    }

    /** Returns how many milliseconds epoll may wait for what is due then; -1 for ever. */
    static int milliseconds(long due) {
        if (due == NEVER) {
            return -1;
        }
        long left = due - now();
        return left <= 0 ? 0 : (int) Math.min(Integer.MAX_VALUE, (left + 999_999) / 1_000_000);
    }
}
