package dev.muser.cli;

/**
 * Something that the user asked for cannot be done. The message is one line and says what to do.
 */
final class UserError extends RuntimeException {
    private static final long serialVersionUID = 1L;

    UserError(String message) {
        super(message, null, false, false);
    }
}
