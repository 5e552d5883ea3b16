package dev.muser.service;

import dev.muser.linux.PidFd;
import java.time.Duration;

/**
 * The process in whose place this one goes on. It has stopped between two requests and is ending,
 * but may not have ended, which takes the kernel some milliseconds: operations that the kernel has
 * under way for it may still store to a client's memory. Whoever goes on can do everything else
 * meanwhile.
 *
 * <p>Any thread, though not at once.
 */
public final class Predecessor implements AutoCloseable {
    /** A disk may take its time with what was asked of it. */
    private static final Duration LONG = Duration.ofMinutes(10);

    private final PidFd process;
    private final long pid;

    /**
     * @param process belongs to this from now on
     * @param pid its number
     */
    public Predecessor(PidFd process, long pid) {
        this.process = process;
        this.pid = pid;
    }

    /** Returns its process id. It is nobody else's until {@link #awaitEnd} has returned. */
    public long pid() {
        return pid;
    }

    /** Waits for its end. Idempotent. */
    public void awaitEnd() {
        var _ = process.awaitExit(LONG);
    }

    @Override
    public void close() {
        process.close();
    }
}
