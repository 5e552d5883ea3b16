package dev.muser.devices.storage;

/** A storage engine cannot be opened or started. The message is one line, for the operator. */
public final class StorageException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public StorageException(String message) {
        super(message);
    }

    public StorageException(String message, Throwable cause) {
        super(message, cause);
    }
}
