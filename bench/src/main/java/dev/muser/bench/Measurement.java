package dev.muser.bench;

import org.jspecify.annotations.Nullable;

/**
 * One figure and its floor, from the same run.
 *
 * @param policy null where it makes no difference
 * @param what the benchmark's title, or a part of it
 * @param unit of the four values: ns, ms, bytes, ...
 * @param ratio median of the ratios of the interleaved rounds; NaN where there is none
 * @param samples how many the percentiles come from, floor not counted in
 */
public record Measurement(
        Benchmark benchmark,
        @Nullable Policy policy,
        String what,
        String unit,
        double p50,
        double p99,
        double floor50,
        double floor99,
        double ratio,
        long samples) {

    /** A single value, such as a size, with what it is without. */
    static Measurement of(
            Benchmark benchmark, @Nullable Policy policy, String what, String unit, double value) {
        return new Measurement(
                benchmark, policy, what, unit, value, value, Double.NaN, Double.NaN, Double.NaN, 1);
    }
}
