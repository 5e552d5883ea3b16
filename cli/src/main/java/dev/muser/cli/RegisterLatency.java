package dev.muser.cli;

import dev.muser.client.BarView;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;

/**
 * How long a register access takes beside a bare exchange of as many bytes between two processes.
 * Both ends sleep while they wait, and the four kinds take turns, so that what else the machine
 * does meets them alike.
 */
final class RegisterLatency {
    private static final int LIVENESS = 4;
    private static final int ROUND = 250;
    private static final int WARM_UP = 2_000;
    private static final int MOST = 200_000;

    private final Series read = new Series();
    private final Series write = new Series();
    private final Series bareRead = new Series();
    private final Series bareWrite = new Series();

    private RegisterLatency() {}

    /**
     * @param registers of an edu
     * @param pong where {@link PongCommand} listens
     * @param time how long to measure, the warm-up not counted
     */
    static RegisterLatency measure(BarView registers, Path pong, Duration time) {
        var latency = new RegisterLatency();
        try (var ping = new Ping(pong)) {
            latency.rounds(registers, ping, WARM_UP, 0);
            latency.forget();
            long end = System.nanoTime() + time.toNanos();
            while (System.nanoTime() < end && latency.read.count < MOST - ROUND) {
                latency.rounds(registers, ping, ROUND, 0);
            }
        }
        return latency;
    }

    private void rounds(BarView registers, Ping ping, int times, int value) {
        for (int i = 0; i < times; i++) {
            long begun = System.nanoTime();
            registers.read32(LIVENESS);
            read.add(System.nanoTime() - begun);
        }
        for (int i = 0; i < times; i++) {
            long begun = System.nanoTime();
            ping.exchange(PongCommand.READ_REQUEST, PongCommand.READ_REPLY);
            bareRead.add(System.nanoTime() - begun);
        }
        for (int i = 0; i < times; i++) {
            long begun = System.nanoTime();
            registers.write32(LIVENESS, value);
            write.add(System.nanoTime() - begun);
        }
        for (int i = 0; i < times; i++) {
            long begun = System.nanoTime();
            ping.exchange(PongCommand.WRITE_REQUEST, PongCommand.WRITE_REPLY);
            bareWrite.add(System.nanoTime() - begun);
        }
    }

    private void forget() {
        for (var series : new Series[] {read, write, bareRead, bareWrite}) {
            series.count = 0;
        }
    }

    void print(PrintWriter out) {
        out.printf(
                "%nLatency of a register access, %d of each, both sides asleep in between:%n",
                read.count);
        out.printf("  %-24s %10s %10s%n", "", "p50", "p99");
        line(out, "read of 4 bytes", read, bareRead);
        line(out, "write of 4 bytes", write, bareWrite);
        out.flush();
    }

    private static void line(PrintWriter out, String name, Series muser, Series bare) {
        double p50 = muser.percentile(50);
        double p99 = muser.percentile(99);
        double floor50 = bare.percentile(50);
        double floor99 = bare.percentile(99);
        out.printf("  %-24s %7.1f us %7.1f us%n", name, p50, p99);
        out.printf("  %-24s %7.1f us %7.1f us%n", "  a bare socket's", floor50, floor99);
        out.printf("  %-24s %9.2fx %9.2fx%n", "  ratio", p50 / floor50, p99 / floor99);
    }

    private static final class Series {
        private final int[] nanoseconds = new int[MOST];
        private int count;

        void add(long time) {
            nanoseconds[count++] = (int) Math.min(time, Integer.MAX_VALUE);
        }

        /** In microseconds. */
        double percentile(int percent) {
            var sorted = Arrays.copyOf(nanoseconds, count);
            Arrays.sort(sorted);
            return sorted[(int) ((long) count * percent / 100)] / 1000.0;
        }
    }
}
