package dev.muser.linux;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;

/** The clock by which Linux measures: {@code CLOCK_MONOTONIC}. */
public final class MonotonicClock {
    private static final int CLOCK_MONOTONIC = 1;

    private MonotonicClock() {}

    /** Returns the microseconds since the machine started, sleep not counted. */
    public static long microseconds() {
        try (var arena = Arena.ofConfined()) {
            var timespec = arena.allocate(16, 8); // seconds s64 @0, nanoseconds s64 @8
            Syscall.check(
                    "clock_gettime",
                    Syscall.call(Syscall.CLOCK_GETTIME, CLOCK_MONOTONIC, timespec.address()));
            return timespec.get(JAVA_LONG, 0) * 1_000_000 + timespec.get(JAVA_LONG, 8) / 1000;
        }
    }
}
