package dev.muser.device;

/**
 * What kind of program a client is, as far as it lets be known. It decides nothing about what a
 * device is or does, only which of two equal ways is cheaper: whether to let the client ring
 * doorbells in mapped memory, which somebody must then poll.
 */
public enum ClientKind {
    /** Not known: a test, or a door that cannot tell. */
    UNKNOWN,

    /** A driver in user space, which polls itself. */
    DRIVER,

    /** A virtual machine, whose guest may do nothing for hours. */
    VIRTUAL_MACHINE
}
