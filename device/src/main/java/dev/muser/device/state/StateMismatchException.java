package dev.muser.device.state;

/** A stored device state cannot be read by this build. The message names the field. */
public final class StateMismatchException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public StateMismatchException(String message) {
        super(message);
    }
}
