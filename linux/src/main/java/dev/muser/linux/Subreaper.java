package dev.muser.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;

/**
 * This process as the parent of all processes below it whose own parent has died: {@code
 * PR_SET_CHILD_SUBREAPER} of {@code prctl(2)}.
 */
public final class Subreaper {
    private static final int PR_SET_CHILD_SUBREAPER = 36;
    private static final int P_ALL = 0;
    private static final int P_PID = 1;
    private static final int WNOHANG = 1;
    private static final int WEXITED = 4;
    private static final int WNOWAIT = 0x1000000;

    private Subreaper() {}

    /** Makes this process one, for good. */
    public static void become() {
        Syscall.check(
                "prctl PR_SET_CHILD_SUBREAPER",
                Syscall.call(Syscall.PRCTL, PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0, 0));
    }

    /** Returns a child that has ended and waits to be reaped, 0 when there is none. */
    public static long endedChild() {
        return waitid(P_ALL, 0, WEXITED | WNOHANG | WNOWAIT);
    }

    /** Takes the child {@code pid}, which has ended, off the system's list. */
    public static void reap(long pid) {
        waitid(P_PID, pid, WEXITED | WNOHANG);
    }

    private static long waitid(int kind, long id, int flags) {
        try (var arena = Arena.ofConfined()) {
            var info = arena.allocate(ChildProcess.SIGINFO_SIZE, 8);
            long result = Syscall.call(Syscall.WAITID, kind, id, info.address(), flags, 0, 0);
            return result < 0 ? 0 : info.get(JAVA_INT, 16);
        }
    }
}
