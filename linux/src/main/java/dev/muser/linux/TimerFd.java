package dev.muser.linux;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;

/** A timer that makes a descriptor readable: {@code timerfd_create(2)}. Owned by one thread. */
public final class TimerFd implements AutoCloseable {
    private static final int CLOCK_MONOTONIC = 1;
    private static final int TFD_FLAGS = 0x80800; // TFD_CLOEXEC | TFD_NONBLOCK

    private final Fd fd =
            Fd.own(
                    Syscall.check(
                            "timerfd_create",
                            Syscall.call(Syscall.TIMERFD_CREATE, CLOCK_MONOTONIC, TFD_FLAGS)));

    // struct itimerspec: interval s64 s @0, s64 ns @8; value s64 s @16, s64 ns @24
    private final MemorySegment spec = Arena.ofAuto().allocate(32, 8);

    public Fd fd() {
        return fd;
    }

    /** Hot. Arms it once, {@code nanoseconds} from now; at least 1, since 0 would disarm. */
    public void arm(long nanoseconds) {
        set(Math.max(1, nanoseconds), 0);
    }

    /** Arms it to expire again and again. */
    public void armEvery(Duration period) {
        set(period.toNanos(), period.toNanos());
    }

    /** Hot. */
    public void disarm() {
        set(0, 0);
    }

    /** Hot. Takes the count of expirations since the last time, 0 when there was none. */
    public long take() {
        long n = fd.read(spec, 0, 8);
        return n == 8 ? spec.get(JAVA_LONG, 0) : 0;
    }

    private void set(long first, long period) {
        spec.set(JAVA_LONG, 0, period / 1_000_000_000);
        spec.set(JAVA_LONG, 8, period % 1_000_000_000);
        spec.set(JAVA_LONG, 16, first / 1_000_000_000);
        spec.set(JAVA_LONG, 24, first % 1_000_000_000);
        Syscall.check(
                "timerfd_settime",
                Syscall.call(Syscall.TIMERFD_SETTIME, fd.number(), 0, spec.address(), 0, 0, 0));
    }

    @Override
    public void close() {
        fd.close();
    }
}
