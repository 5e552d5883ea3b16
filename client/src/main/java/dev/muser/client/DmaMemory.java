package dev.muser.client;

/** Where the memory of a {@link DmaBuffer} comes from. */
public enum DmaMemory {
    /** Shared memory of normal pages; the device maps it. */
    PAGES,

    /** Shared memory of 2 MiB pages where the system has some left, else of normal ones. */
    HUGE_PAGES,

    /** Private memory, which the device reaches by messages alone. */
    MESSAGES
}
