package dev.muser.client.nvme;

import dev.muser.client.BackgroundWork;
import dev.muser.client.Interrupt;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * How the driver waits for completions: sleeps until an interrupt, or looks again and again and now
 * and then does what the device needs done, or notices that it has gone.
 */
final class Patience {
    /** Rounds of polling between two looks at the clock and the device. */
    private static final int ROUNDS = 1024;

    private final @Nullable Interrupt interrupt;
    private final BackgroundWork work;
    private final boolean busy;
    private final Duration limit;
    private long deadline;
    private int rounds;

    /**
     * Waits up to {@code limit} at a time.
     *
     * @param interrupt null: polls
     * @param busy whether each round serves {@code work}, because the device runs by it
     */
    Patience(@Nullable Interrupt interrupt, BackgroundWork work, boolean busy, Duration limit) {
        this.interrupt = interrupt;
        this.work = work;
        this.busy = busy;
        this.limit = limit;
    }

    /** Starts the clock. */
    void begin() {
        deadline = System.nanoTime() + limit.toNanos();
        rounds = 0;
    }

    /** Hot. Lets the device go on, after no completion was found; false when time is over. */
    boolean pause() {
        return interrupt == null ? poll() : sleep(interrupt);
    }

    /** Hot. Does what the device needs done, between two polls that do not wait. */
    void serve() {
        if (busy) {
            work.serve();
        }
    }

    private boolean poll() {
        if (busy) {
            work.serve();
        }
        if (++rounds % ROUNDS != 0) {
            Thread.onSpinWait();
            return true;
        }
        work.serve();
        return deadline - System.nanoTime() > 0;
    }

    private boolean sleep(Interrupt vector) {
        // The completions that were there are taken, and their doorbell is rung: INTx is low. That
        // it was delivered another queue may have noticed, which shares it.
        vector.rearm();
        return vector.await(Duration.ofNanos(deadline - System.nanoTime())) > 0
                || deadline - System.nanoTime() > 0;
    }
}
