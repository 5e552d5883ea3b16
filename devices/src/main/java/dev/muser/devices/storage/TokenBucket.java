package dev.muser.devices.storage;

/**
 * Lets a sustained rate through, and a burst after a pause. What costs more than a whole burst is
 * let through when the bucket is full, and paid for afterwards.
 */
final class TokenBucket {
    private static final double NANOSECONDS = 1e9;

    private final double perSecond;
    private final double burst;
    private double tokens;
    private long filledAt;

    /**
     * Full at first.
     *
     * @param now a clock's nanoseconds
     */
    TokenBucket(RateLimit limit, long now) {
        perSecond = limit.perSecond();
        burst = limit.burst();
        tokens = burst;
        filledAt = now;
    }

    /** Hot. Returns in how many nanoseconds {@code cost} can be taken; 0 for now. */
    long delay(long cost, long now) {
        if (perSecond == 0) {
            return 0;
        }
        tokens = Math.min(burst, tokens + (now - filledAt) * perSecond / NANOSECONDS);
        filledAt = now;
        double missing = Math.min((double) cost, burst) - tokens;
        return missing <= 0 ? 0 : (long) Math.ceil(missing * NANOSECONDS / perSecond);
    }

    /** Hot. Takes {@code cost}, after {@link #delay} has returned 0. */
    void take(long cost) {
        tokens -= cost;
    }
}
