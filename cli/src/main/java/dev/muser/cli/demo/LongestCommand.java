package dev.muser.cli.demo;

/**
 * How long the longest command took of those that came to an end while it was watched. One thread
 * writes, any may read.
 */
public final class LongestCommand {
    private volatile long nanoseconds;

    /** Hot. */
    void saw(long duration) {
        if (duration > nanoseconds) {
            nanoseconds = duration;
        }
    }

    /** In nanoseconds; 0 when none came to an end. */
    public long nanoseconds() {
        return nanoseconds;
    }
}
