package dev.muser.device;

import dev.muser.linux.Errno;

/** A device refused a call. */
public final class VfioException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final int errno;

    /**
     * @param errno what the client is told, one of {@link Errno}
     * @param message for the operator: what was refused and why
     */
    public VfioException(int errno, String message) {
        super(message + ": " + Errno.name(errno), null, false, false);
        this.errno = errno;
    }

    public int errno() {
        return errno;
    }
}
