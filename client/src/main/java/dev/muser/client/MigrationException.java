package dev.muser.client;

/** A device was not migrated. The message says at which end it failed, why, and what runs now. */
public final class MigrationException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    MigrationException(String message, RuntimeException cause) {
        super(message, cause);
    }
}
