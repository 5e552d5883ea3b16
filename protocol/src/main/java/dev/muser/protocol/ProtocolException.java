package dev.muser.protocol;

/** A VERSION message that cannot be answered with success. Only session set-up throws this. */
public final class ProtocolException extends Exception {
    private static final long serialVersionUID = 1L;

    private final int errno;

    /**
     * @param errno the number to answer with
     * @param message which key is wrong, and why
     */
    public ProtocolException(int errno, String message) {
        super(message);
        this.errno = errno;
    }

    /** Returns the error number to answer with: Linux's, positive. */
    public int errno() {
        return errno;
    }
}
