package dev.muser.devices.storage.nbd;

import java.io.IOException;

/** The server does not want us, or cannot be trusted: the message says which in a few words. */
final class NbdException extends IOException {
    private static final long serialVersionUID = 1L;

    NbdException(String message) {
        super(message);
    }
}
