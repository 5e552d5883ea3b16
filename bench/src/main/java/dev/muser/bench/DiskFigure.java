package dev.muser.bench;

import org.jspecify.annotations.Nullable;

/**
 * What one load of a disk gave.
 *
 * @param perSecond commands
 * @param mean time of a command, in nanoseconds, as all that follow
 * @param p50 of a pass of its own, that reads clocks; NaN where there was none
 * @param floor what {@code floorIs} took for one command
 * @param ratio how often the floor fits in; NaN where there is no floor
 * @param peer commands a second of the fastest target in C, on another machine; NaN when unknown
 */
record DiskFigure(
        Benchmark benchmark,
        String what,
        double perSecond,
        double mean,
        double p50,
        double p99,
        double p999,
        @Nullable String floorIs,
        double floor,
        double ratio,
        double peer) {

    /** Returns how many of the peer's commands there were for each of its. */
    double ofPeer() {
        return perSecond / peer;
    }
}
