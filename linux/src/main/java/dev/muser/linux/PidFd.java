package dev.muser.linux;

import java.time.Duration;

/** A process, without the danger that its number is another's by now: {@code pidfd_open(2)}. */
public final class PidFd implements AutoCloseable {
    public static final int SIGHUP = 1;
    public static final int SIGINT = 2;
    public static final int SIGKILL = 9;
    public static final int SIGTERM = 15;

    private final Fd fd;

    private PidFd(Fd fd) {
        this.fd = fd;
    }

    /**
     * @throws SyscallException ESRCH when there is no such process
     */
    public static PidFd open(long pid) {
        return new PidFd(
                Fd.own(
                        Syscall.check(
                                "pidfd_open " + pid, Syscall.call(Syscall.PIDFD_OPEN, pid, 0))));
    }

    /** Takes ownership of the descriptor of a process that another process has sent. */
    public static PidFd adopt(Fd fd) {
        return new PidFd(fd);
    }

    /** Returns the descriptor: readable once the process has ended. */
    public Fd fd() {
        return fd;
    }

    /**
     * @throws SyscallException ESRCH when the process has ended, EPERM when it is another user's
     */
    public void signal(int signal) {
        Syscall.check(
                "pidfd_send_signal",
                Syscall.call(Syscall.PIDFD_SEND_SIGNAL, fd.number(), signal, 0, 0, 0, 0));
    }

    /** Waits for the end of the process; returns whether it has ended. */
    public boolean awaitExit(Duration timeout) {
        return Poll.await(fd, Poll.IN, timeout);
    }

    /**
     * Returns a duplicate of the process's descriptor {@code number}: {@code pidfd_getfd(2)}.
     *
     * @throws SyscallException EPERM without the right to trace the process, EBADF
     */
    public Fd descriptor(int number) {
        return Fd.own(
                Syscall.check(
                        "pidfd_getfd", Syscall.call(Syscall.PIDFD_GETFD, fd.number(), number, 0)));
    }

    @Override
    public void close() {
        fd.close();
    }
}
