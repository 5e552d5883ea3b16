package dev.muser.linux;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;

/** How many descriptors this process may open: {@code RLIMIT_NOFILE} of {@code prlimit(2)}. */
public final class OpenFiles {
    private static final int RLIMIT_NOFILE = 7;

    private OpenFiles() {}

    /** Returns the limit in force, which a JVM has made as high as it may. */
    public static long limit() {
        try (var arena = Arena.ofConfined()) {
            var limit = arena.allocate(16, 8); // struct rlimit: in force u64 @0, highest u64 @8
            Syscall.check(
                    "prlimit RLIMIT_NOFILE",
                    Syscall.call(Syscall.PRLIMIT64, 0, RLIMIT_NOFILE, 0, limit.address(), 0, 0));
            long files = limit.get(JAVA_LONG, 0);
            return files < 0 ? Long.MAX_VALUE : files; // without a limit it is 2^64 - 1
        }
    }
}
