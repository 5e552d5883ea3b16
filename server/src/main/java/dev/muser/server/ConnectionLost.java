package dev.muser.server;

/** A client's connection must end: its stream cannot be trusted, or it has been cut. */
final class ConnectionLost extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final int errno;

    /**
     * @param reason for the operator, of the client: "it sent a message of 3 bytes"
     * @param errno what the client is told before the connection is closed; 0 to tell it nothing
     */
    ConnectionLost(String reason, int errno) {
        super(reason, null, false, false);
        this.errno = errno;
    }

    /** The connection ends because of what the device threw. */
    ConnectionLost(String reason, Throwable cause) {
        super(reason, cause, false, false);
        errno = 0;
    }

    int errno() {
        return errno;
    }
}
