package dev.muser.bench;

import dev.muser.client.ClientOptions;
import dev.muser.client.RemoteDevice;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** From the start of a server's process to its first reply, and what it needs in memory then. */
final class StartUp {
    private static final double NANOS_PER_MS = 1e6;
    private static final double MIB = 1 << 20;

    private StartUp() {}

    static List<Measurement> measure(Path folder, int starts) {
        var ready = new double[starts];
        var floor = new double[starts];
        var ratios = new double[starts];
        var resident = new double[starts];
        for (int i = 0; i < starts; i++) {
            floor[i] = nothing();
            var path = folder.resolve("start" + i);
            long start = System.nanoTime();
            try (var child = ChildJvm.start(ServerUnderTest.class, path.toString(), "blocking");
                    var device = RemoteDevice.connect(path, patient())) {
                device.info();
                ready[i] = (System.nanoTime() - start) / NANOS_PER_MS;
                resident[i] = resident(child.pid()) / MIB;
            }
            ratios[i] = ready[i] / floor[i];
        }
        var results = new ArrayList<Measurement>();
        results.add(
                new Measurement(
                        Benchmark.START,
                        null,
                        Benchmark.START.title(),
                        "ms",
                        median(ready),
                        max(ready),
                        median(floor),
                        max(floor),
                        median(ratios),
                        starts));
        results.add(
                Measurement.of(
                        Benchmark.START,
                        null,
                        "resident memory with one device",
                        "MiB",
                        median(resident)));
        return results;
    }

    private static double nothing() {
        long start = System.nanoTime();
        try (var child = ChildJvm.startReady(Nothing.class)) {
            double took = (System.nanoTime() - start) / NANOS_PER_MS;
            child.awaitEnd();
            return took;
        }
    }

    private static ClientOptions patient() {
        return ClientOptions.DEFAULTS.withAppearance(Duration.ofSeconds(30));
    }

    /** {@code VmRSS: 12345 kB}. */
    private static double resident(long pid) {
        try {
            for (var line : Files.readAllLines(Path.of("/proc/" + pid + "/status"))) {
                if (line.startsWith("VmRSS:")) {
                    return 1024.0 * Long.parseLong(line.replaceAll("[^0-9]", ""));
                }
            }
        } catch (IOException e) {
            // it has ended
        }
        return Double.NaN;
    }

    private static double median(double[] values) {
        var sorted = values.clone();
        Arrays.sort(sorted);
        return sorted[sorted.length / 2];
    }

    private static double max(double[] values) {
        return Arrays.stream(values).max().orElse(Double.NaN);
    }
}
