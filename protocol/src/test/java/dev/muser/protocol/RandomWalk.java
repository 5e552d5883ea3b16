package dev.muser.protocol;

import java.util.SplittableRandom;

/**
 * Numbers for property tests: mostly those next to a power of two, where arithmetic goes wrong, and
 * their neighbours. Everything follows from the seed, which a failed test names.
 */
final class RandomWalk {
    private static final int CASES = 10_000;

    private final SplittableRandom random;

    RandomWalk(long seed) {
        random = new SplittableRandom(seed);
    }

    interface Case {
        void run(RandomWalk walk) throws Exception;
    }

    /** Runs 10,000 cases, each with a seed of its own. */
    static void check(Case property) {
        for (long seed = 1; seed <= CASES; seed++) {
            try {
                property.run(new RandomWalk(seed));
            } catch (Exception | AssertionError e) {
                throw new AssertionError("with new RandomWalk(" + seed + ")", e);
            }
        }
    }

    long u64() {
        long near = (1L << random.nextInt(64)) + random.nextInt(5) - 2;
        return switch (random.nextInt(4)) {
            case 0 -> random.nextLong();
            case 1 -> -near;
            default -> near;
        };
    }

    long u32() {
        return u64() & 0xffffffffL;
    }

    /** 0 to {@code max}, both included. */
    int upTo(int max) {
        return switch (random.nextInt(4)) {
            case 0 -> 0;
            case 1 -> max;
            default -> random.nextInt(max + 1);
        };
    }

    boolean coin() {
        return random.nextBoolean();
    }

    void fill(byte[] bytes) {
        random.nextBytes(bytes);
    }
}
