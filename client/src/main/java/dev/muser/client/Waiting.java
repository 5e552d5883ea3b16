package dev.muser.client;

/** How a {@link RemoteDevice} waits for a reply. */
public enum Waiting {
    /** Sleeps in the kernel: no load while it waits, some 10 us to wake up. */
    BLOCKING,

    /** Asks the socket again and again: the quickest, and one processor is busy. */
    POLLING,

    /** Polls for some 50 us, then sleeps. */
    ADAPTIVE
}
