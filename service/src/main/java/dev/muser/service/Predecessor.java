package dev.muser.service;

import dev.muser.linux.PidFd;
import java.time.Duration;

/**
 * The process in whose place this one goes on. It has stopped between two requests, and waits to be
 * let end, which takes the kernel some milliseconds of a CPU; until it has ended, operations that
 * the kernel has under way for it may still store to a client's memory. Whoever goes on can do
 * everything else meanwhile.
 *
 * <p>Any thread, though not at once.
 */
public final class Predecessor implements AutoCloseable {
    /** How long it waits to be let end, in case that its successor hangs. */
    static final Duration PATIENCE = Duration.ofSeconds(1);

    /** A disk may take its time with what was asked of it. */
    private static final Duration LONG = Duration.ofMinutes(10);

    private final PidFd process;
    private final long pid;
    private final Runnable word;

    /**
     * @param process belongs to this from now on
     * @param pid its number
     * @param word lets it end; may be run several times
     */
    public Predecessor(PidFd process, long pid, Runnable word) {
        this.process = process;
        this.pid = pid;
        this.word = word;
    }

    /** Returns its process id. It is nobody else's until {@link #awaitEnd} has returned. */
    public long pid() {
        return pid;
    }

    /** Lets it end now. Idempotent. */
    public void letEnd() {
        word.run();
    }

    /** Leaves it as it is for a while, unless it ends, so that this process has all CPUs. */
    public void leave(Duration time) {
        var _ = process.awaitExit(time);
    }

    /** Lets it end, and waits for that. Idempotent. */
    public void awaitEnd() {
        letEnd();
        var _ = process.awaitExit(LONG);
    }

    @Override
    public void close() {
        letEnd();
        process.close();
    }
}
