package dev.muser.client;

/**
 * The connection to a server is over: it was lost, timed out, or the server broke the protocol. The
 * message says which, and during what. All later calls throw it again.
 */
public final class DisconnectedException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public DisconnectedException(String message) {
        super(message);
    }
}
