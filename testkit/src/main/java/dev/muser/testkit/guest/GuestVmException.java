package dev.muser.testkit.guest;

/**
 * A guest did not do what it was asked to, or could not be started. The message has the last lines
 * of what the guest, its kernel and QEMU have said.
 */
public final class GuestVmException extends RuntimeException {
    private static final long serialVersionUID = 1;

    GuestVmException(String message) {
        super(message);
    }

    GuestVmException(String message, Throwable cause) {
        super(message, cause);
    }
}
