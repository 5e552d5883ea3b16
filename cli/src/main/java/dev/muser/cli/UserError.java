package dev.muser.cli;

/**
 * Something that the user asked for cannot be done. The message is one line and says what to do.
 */
public final class UserError extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public UserError(String message) {
        super(message, null, false, false);
    }
}
