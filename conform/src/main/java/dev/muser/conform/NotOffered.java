package dev.muser.conform;

/** A case is about something that this device does not have. */
final class NotOffered extends RuntimeException {
    private static final long serialVersionUID = 1L;

    NotOffered(String message) {
        super(message, null, false, false);
    }
}
