package dev.muser.testkit.guest;

/** Where the guest's memory lives, and so how a vfio-user server reaches it. */
public enum MemoryBackend {
    /** A memfd, sealed against shrinking: the server maps its descriptor. */
    MEMFD,
    /** A file, which may shrink: the server gets its descriptor. */
    FILE,
    /** Not shared: no descriptor, the server reaches it by messages to the client. */
    PRIVATE
}
