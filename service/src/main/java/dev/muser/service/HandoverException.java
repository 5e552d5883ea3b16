package dev.muser.service;

/** Descriptors could not be handed over: the message says why, in words for an operator. */
public final class HandoverException extends Exception {
    private static final long serialVersionUID = 1L;

    public HandoverException(String message) {
        super(message);
    }
}
