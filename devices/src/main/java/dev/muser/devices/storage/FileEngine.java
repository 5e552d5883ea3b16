package dev.muser.devices.storage;

/**
 * Makes the system calls of {@link Transfer}s and tells {@link FileStorage#finished} of their
 * results. On the loop's thread.
 */
interface FileEngine extends AutoCloseable {
    /** Hot. Takes a call; it may wait for {@link #kick}. There is always room. */
    void begin(Transfer transfer);

    /** Hot. Begins what was taken; may finish some of it. */
    void kick();

    /** Hot. Finishes what is done; whether there was any. */
    boolean collect();

    /**
     * Finishes what is done, and waits for one if there is none and one is under way, but no longer
     * than {@code nanoseconds}; may return early.
     */
    void await(long nanoseconds);

    /** Gives back, by {@link FileStorage#recalled}, calls that were taken and have not begun. */
    void recall();

    /** Asks for what is under way to end early; does not wait for it. */
    void cancel();

    /** How many bytes to move at once, so that {@link #kick} is soon back. */
    long bytesAtOnce();

    /** Calls are under way that do not end: no more is heard of them. Instead of {@link #close}. */
    void abandon();

    /** Whether {@link #collect} is called from now on. */
    void polling(boolean on);

    /** Says what it is, for people. */
    String describe();

    /** Nothing is under way. */
    @Override
    void close();
}
