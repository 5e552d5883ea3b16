package dev.muser.devices.storage;

/**
 * How much of something is let through: a sustained rate, and how much more after a pause.
 *
 * @param perSecond 0 for no limit
 * @param burst how much passes at once after a pause that was long enough; at least 1
 */
public record RateLimit(long perSecond, long burst) {
    public static final RateLimit NONE = new RateLimit(0, 1);

    /** What a burst is when nobody says: what passes in this part of a second. */
    private static final int DEFAULT_BURST = 10;

    public RateLimit {
        if (perSecond < 0) {
            throw new IllegalArgumentException("a rate of %d per second".formatted(perSecond));
        }
        if (burst < 1) {
            throw new IllegalArgumentException(
                    "a burst of %d: at least 1 is needed".formatted(burst));
        }
    }

    /** A rate whose bursts are what passes in a tenth of a second. */
    public static RateLimit of(long perSecond) {
        return new RateLimit(perSecond, Math.max(1, perSecond / DEFAULT_BURST));
    }

    boolean isNone() {
        return perSecond == 0;
    }
}
