package dev.muser.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** Waits for one descriptor: {@code ppoll(2)}. */
public final class Poll {
    public static final int IN = 1;
    public static final int OUT = 4;

    private Poll() {}

    /**
     * Waits until {@code fd} is ready for {@code interest}, has failed, or {@code timeout} is over.
     *
     * @param timeout null to wait for ever
     * @return whether it is ready or has failed; false after the time
     */
    public static boolean await(Fd fd, int interest, @Nullable Duration timeout) {
        long deadline = timeout == null ? 0 : System.nanoTime() + timeout.toNanos();
        try (var arena = Arena.ofConfined()) {
            var pollfd = arena.allocate(8, 4); // fd s32 @0, events s16 @4, revents s16 @6
            var timespec = arena.allocate(16, 8);
            pollfd.set(JAVA_INT, 0, fd.number());
            pollfd.set(JAVA_SHORT, 4, (short) interest);
            while (true) {
                if (timeout != null) {
                    long left = Math.max(0, deadline - System.nanoTime());
                    timespec.set(JAVA_LONG, 0, left / 1_000_000_000);
                    timespec.set(JAVA_LONG, 8, left % 1_000_000_000);
                }
                long n =
                        Syscall.call(
                                Syscall.PPOLL,
                                pollfd.address(),
                                1,
                                timeout == null ? 0 : timespec.address(),
                                0,
                                0,
                                0);
                if (n != -Errno.EINTR) {
                    return Syscall.check("ppoll", n) > 0;
                }
            }
        }
    }

    /** Whether a write to {@code fd} would not wait, at this moment. */
    static boolean isWritable(Fd fd) {
        return await(fd, OUT, Duration.ZERO);
    }
}
