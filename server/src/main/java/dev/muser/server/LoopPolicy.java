package dev.muser.server;

import java.time.Duration;

/**
 * What a loop does when there is nothing to do.
 *
 * @param spin how long it keeps looking for work, after the last it found, before it sleeps; zero
 *     sleeps at once
 * @param always whether it never sleeps
 */
public record LoopPolicy(Duration spin, boolean always) {

    /** Sleeps until there is work: an idle device costs no CPU. */
    public static final LoopPolicy BLOCKING = new LoopPolicy(Duration.ZERO, false);

    /** Never sleeps: the shortest answer, at the price of a CPU. */
    public static final LoopPolicy POLLING = new LoopPolicy(Duration.ZERO, true);

    /** Looks on for 50 microseconds, about what a wake-up costs, then sleeps. */
    public static final LoopPolicy ADAPTIVE = adaptive(Duration.ofNanos(50_000));

    public static LoopPolicy adaptive(Duration spin) {
        return new LoopPolicy(spin, false);
    }

    public LoopPolicy {
        if (spin.isNegative()) {
            throw new IllegalArgumentException("spin " + spin + " is negative");
        }
    }
}
