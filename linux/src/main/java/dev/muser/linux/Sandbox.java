package dev.muser.linux;

import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;

/**
 * What this process gives up, for good and for all that it starts. Any thread may ask; each measure
 * holds for all threads.
 */
public final class Sandbox {
    private static final int PR_SET_NO_NEW_PRIVS = 38;

    private static final int SECCOMP_SET_MODE_FILTER = 1;
    private static final int SECCOMP_FILTER_FLAG_TSYNC = 1;

    /**
     * Without it, kernels before 5.16 have all stores wait for the loads before them, against a
     * guess of one tenant about another's memory: a device process has one.
     */
    private static final int SECCOMP_FILTER_FLAG_SPEC_ALLOW = 4;

    private Sandbox() {}

    /**
     * What a process goes on needing besides its devices' sockets, memory and files.
     *
     * @param network whether it connects to other machines
     * @param uring whether it makes new rings of {@code io_uring(7)}; operations of a ring are not
     *     filtered
     * @param programs whether it starts other programs, which get the same filter
     */
    public record Needs(boolean network, boolean uring, boolean programs) {
        /** A program that is started is a JVM, and makes rings of its own. */
        public Needs {
            uring |= programs;
        }
    }

    /**
     * Refuses all system calls but those of a JVM that serves devices: they fail with EPERM, or
     * with ENOSYS where the caller then does without. And no program that is started can have more
     * rights than this process: {@code no_new_privs}.
     *
     * @throws SyscallException EINVAL, ENOSYS where the kernel has no such filters (before 4.17)
     */
    public static void restrictCalls(Needs needs) {
        if (!needs.uring() && !UringSignal.available()) { // made now, or not at all
            AioSignal.available();
        }
        var program = ServingCalls.filter(needs, (int) Syscall.call(Syscall.GETPID, 0));
        noNewPrivileges();
        try (var arena = Arena.ofConfined()) {
            // struct sock_fprog: len u16 @0, filter pointer @8
            var fprog = arena.allocate(16, 8);
            fprog.set(JAVA_SHORT, 0, (short) program.instructions().size());
            fprog.set(JAVA_LONG, 8, program.encode(arena).address());
            long result =
                    Syscall.check(
                            "seccomp",
                            Syscall.call(
                                    Syscall.SECCOMP,
                                    SECCOMP_SET_MODE_FILTER,
                                    SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_SPEC_ALLOW,
                                    fprog.address()));
            if (result > 0) { // a thread that has a filter which this one does not have
                throw new SyscallException("seccomp for thread " + result, Errno.EINVAL);
            }
        }
    }

    /** For this thread and those that it begins; with a filter, for all. */
    static void noNewPrivileges() {
        Syscall.check(
                "prctl PR_SET_NO_NEW_PRIVS",
                Syscall.call(Syscall.PRCTL, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0));
    }
}
