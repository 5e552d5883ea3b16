package dev.muser.linux;

/** A system call failed. The message names the call and the errno: {@code bind: EACCES (...)}. */
public final class SyscallException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final String call;
    private final int errno;

    public SyscallException(String call, int errno) {
        super(call + ": " + Errno.describe(errno));
        this.call = call;
        this.errno = errno;
    }

    /** Returns what was called, and on what where that helps: {@code bind /run/a.sock}. */
    public String call() {
        return call;
    }

    /** Returns the positive errno, one of {@link Errno}. */
    public int errno() {
        return errno;
    }
}
