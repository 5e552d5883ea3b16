package dev.muser.conform;

/** Nothing more can be said over a connection: it is closed, silent, or out of step. */
final class Lost extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final boolean closed;

    private Lost(String message, boolean closed) {
        super(message, null, false, false);
        this.closed = closed;
    }

    static Lost closed(String message) {
        return new Lost(message, true);
    }

    static Lost silent(String message) {
        return new Lost(message, false);
    }

    /** Whether the server has closed the connection. */
    boolean isClosed() {
        return closed;
    }
}
