package dev.muser.device.stream;

/** A migration stream cannot be taken. The message says what is wrong with it. */
public final class StreamException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public StreamException(String message) {
        super(message, null, false, false);
    }
}
