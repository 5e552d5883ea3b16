package dev.muser.bench;

import java.util.Arrays;
import org.HdrHistogram.Histogram;

/**
 * Measures a probe and its floor by turns, so that what disturbs the machine disturbs both.
 *
 * <p>Recording allocates nothing.
 */
final class Rounds {
    private static final int ROUNDS = 9;
    private static final double STABLE = 0.03;
    private static final long MAX_NANOS = 60_000_000_000L;

    private final long roundNanos;
    private final long warmUpNanos;

    /** What the probes gave, in nanoseconds for each operation. */
    record Result(
            double p50, double p99, double floor50, double floor99, double ratio, long samples) {}

    Rounds(BenchOptions options) {
        roundNanos = Math.max(1, options.time().toNanos() / (2 * ROUNDS));
        warmUpNanos = options.warmUp().toNanos();
    }

    Result measure(Probe subject, Probe floor) {
        warmUp(subject, warmUpNanos * 2 / 3);
        warmUp(floor, warmUpNanos / 3);
        var subjectAll = histogram();
        var floorAll = histogram();
        var round = histogram();
        var ratios = new double[ROUNDS];
        for (int i = 0; i < ROUNDS; i++) {
            double below = round(floor, round, floorAll);
            ratios[i] = round(subject, round, subjectAll) / below;
        }
        Arrays.sort(ratios);
        return new Result(
                at(subjectAll, 50, subject),
                at(subjectAll, 99, subject),
                at(floorAll, 50, floor),
                at(floorAll, 99, floor),
                ratios[ROUNDS / 2],
                subjectAll.getTotalCount() * subject.batch());
    }

    /** Returns the round's median, for one operation. */
    private double round(Probe probe, Histogram round, Histogram all) {
        round.reset();
        record(probe, round, roundNanos);
        all.add(round);
        return at(round, 50, probe);
    }

    /** Until the median no longer changes, or the time is over. */
    private void warmUp(Probe probe, long nanos) {
        var histogram = histogram();
        long end = System.nanoTime() + nanos;
        double before = Double.MAX_VALUE;
        int stable = 0;
        while (stable < 3 && System.nanoTime() < end) {
            histogram.reset();
            record(probe, histogram, nanos / 10);
            double now = at(histogram, 50, probe);
            stable = Math.abs(before - now) < STABLE * now ? stable + 1 : 0;
            before = now;
        }
    }

    private static void record(Probe probe, Histogram into, long nanos) {
        long end = System.nanoTime() + nanos;
        do {
            into.recordValue(Math.min(MAX_NANOS, probe.sample()));
        } while (System.nanoTime() < end);
    }

    private static double at(Histogram histogram, double percentile, Probe probe) {
        return (double) histogram.getValueAtPercentile(percentile) / probe.batch();
    }

    private static Histogram histogram() {
        return new Histogram(MAX_NANOS, 3);
    }
}
