package dev.muser.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.IntUnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * A process that this one has started with descriptors of its choice, or follows for another
 * reason. Not thread-safe.
 */
public final class ChildProcess implements AutoCloseable {
    /** The number of the first descriptor that a started program inherits. */
    public static final int FIRST_INHERITED = 3;

    private static final int P_PIDFD = 3;
    private static final int WNOHANG = 1;
    private static final int WEXITED = 4;
    private static final int CLD_EXITED = 1;
    private static final int CLD_DUMPED = 3;
    private static final int CLOSE_RANGE_CLOEXEC = 4;

    // siginfo_t of SIGCHLD: signo s32 @0, code s32 @8, pid s32 @16, status s32 @24; 128 bytes
    static final int SIGINFO_SIZE = 128;

    private final long pid;
    private final PidFd process;
    private @Nullable ExitStatus status;

    private ChildProcess(long pid, PidFd process) {
        this.pid = pid;
        this.process = process;
    }

    /**
     * Starts a program.
     *
     * <p>It has this process's standard streams and {@code inherited}, the first of which has
     * number 3, the next 4, and so on; nothing else is inherited: every other descriptor of this
     * process becomes close-on-exec (since Linux 5.11).
     *
     * @param command the program, looked for in this process's {@code PATH}, and its arguments
     * @param environment all of its environment
     * @param inherited no descriptor twice; they stay the caller's
     * @throws SyscallException ENOENT and EACCES for the program, E2BIG when arguments and
     *     environment are too long, EAGAIN, EMFILE
     */
    public static ChildProcess start(
            List<String> command, Map<String, String> environment, List<Fd> inherited) {
        // before anything that could leak is duplicated
        Syscall.call(Syscall.CLOSE_RANGE, FIRST_INHERITED, Integer.MAX_VALUE, CLOSE_RANGE_CLOEXEC);
        var temporary = new ArrayList<Fd>();
        try {
            var sources = new int[inherited.size()];
            for (int i = 0; i < sources.length; i++) {
                sources[i] = inherited.get(i).number();
            }
            int end = FIRST_INHERITED + sources.length;
            int[] moves =
                    DescriptorMoves.plan(
                            sources,
                            FIRST_INHERITED,
                            // no lambda: a keeper's first costs more than all the rest here
                            new IntUnaryOperator() {
                                @Override
                                public int applyAsInt(int number) {
                                    var copy = duplicateAbove(number, end);
                                    temporary.add(copy);
                                    return copy.number();
                                }
                            });
            return of(Spawn.start(command, environment, moves));
        } finally {
            for (var fd : temporary) {
                fd.close();
            }
        }
    }

    private static Fd duplicateAbove(int number, int lowest) {
        return Fd.own(
                Syscall.check(
                        "fcntl F_DUPFD_CLOEXEC",
                        Syscall.call(Syscall.FCNTL, number, 1030, lowest)));
    }

    /**
     * Follows a process that is there already, such as one that a child has started. How it ends is
     * known only if it is this process's child by then: see {@link Subreaper}.
     *
     * @throws SyscallException ESRCH when there is no such process
     */
    public static ChildProcess of(long pid) {
        return new ChildProcess(pid, PidFd.open(pid));
    }

    public long pid() {
        return pid;
    }

    /** Returns the descriptor: readable once the process has ended. */
    public Fd fd() {
        return process.fd();
    }

    /** Sends a signal of {@link PidFd}; nothing happens when the process has ended. */
    public void signal(int signal) {
        try {
            process.signal(signal);
        } catch (SyscallException e) {
            if (e.errno() != Errno.ESRCH) {
                throw e;
            }
        }
    }

    /**
     * Returns how the process ended, null while it has not; takes it off the system's list of
     * processes, so that its number can be another's from now on.
     */
    public @Nullable ExitStatus poll() {
        return await(Duration.ZERO);
    }

    /** As {@link #poll}, waiting no longer than {@code timeout} for the end. */
    public @Nullable ExitStatus await(Duration timeout) {
        if (status == null && process.awaitExit(timeout)) {
            status = reap();
        }
        return status;
    }

    private ExitStatus reap() {
        try (var arena = Arena.ofConfined()) {
            var info = arena.allocate(SIGINFO_SIZE, 8);
            long result =
                    Syscall.call(
                            Syscall.WAITID,
                            P_PIDFD,
                            process.fd().number(),
                            info.address(),
                            WEXITED | WNOHANG,
                            0,
                            0);
            if (result == -Errno.ECHILD) {
                return ExitStatus.UNKNOWN;
            }
            Syscall.check("waitid", result);
            int code = info.get(JAVA_INT, 8);
            int value = info.get(JAVA_INT, 24);
            return code == CLD_EXITED
                    ? new ExitStatus(value, 0, false)
                    : new ExitStatus(-1, value, code == CLD_DUMPED);
        }
    }

    /** Stops following it; it lives on. */
    @Override
    public void close() {
        process.close();
    }

    @Override
    public String toString() {
        return "process " + pid;
    }
}
