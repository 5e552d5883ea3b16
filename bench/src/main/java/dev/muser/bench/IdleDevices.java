package dev.muser.bench;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;

/** What devices cost that nobody uses: with no client, then with one each that is silent. */
final class IdleDevices {
    private static final long WATCHED_NANOS = 1_000_000_000;

    private record Usage(double heap, double descriptors) {
        static Usage of(ChildJvm server) {
            var words = server.ask("memory").split(" ", -1);
            return new Usage(Double.parseDouble(words[0]), Double.parseDouble(words[1]));
        }
    }

    private IdleDevices() {}

    static List<Measurement> measure(Path folder, int count) {
        var path = folder.resolve("idle").toString();
        var results = new ArrayList<Measurement>();
        var clients = new ArrayList<RawDevice>();
        try (var server = ChildJvm.startReady(ServerUnderTest.class, path, "blocking")) {
            Usage.of(server); // loads what the question itself needs
            // And this what the first client needs; it stays, so that nothing of it goes later.
            clients.add(RawDevice.connect(Path.of(ServerUnderTest.path(path, 0)), Policy.BLOCKING));
            var before = Usage.of(server);
            int reached = Integer.parseInt(server.ask("devices " + (count + 1)));
            if (reached != count + 1) {
                throw new IllegalStateException(reached + " devices of " + count);
            }
            add(results, "no client", before, Usage.of(server), count);
            for (int i = 1; i <= count; i++) {
                clients.add(
                        RawDevice.connect(Path.of(ServerUnderTest.path(path, i)), Policy.BLOCKING));
            }
            add(results, "a silent client each", before, Usage.of(server), count);
            results.add(
                    Measurement.of(
                            Benchmark.IDLE, null, "CPU of all of them", "%", cpuPercent(server)));
        } finally {
            clients.forEach(RawDevice::close);
        }
        return results;
    }

    private static void add(
            List<Measurement> results, String which, Usage before, Usage after, int count) {
        results.add(
                Measurement.of(
                        Benchmark.IDLE,
                        null,
                        "heap of one, " + which,
                        "bytes",
                        (after.heap - before.heap) / count));
        results.add(
                Measurement.of(
                        Benchmark.IDLE,
                        null,
                        "descriptors of one, " + which,
                        "",
                        (after.descriptors - before.descriptors) / count));
    }

    private static double cpuPercent(ChildJvm server) {
        long before = Long.parseLong(server.ask("cpu"));
        long start = System.nanoTime();
        while (System.nanoTime() - start < WATCHED_NANOS) {
            LockSupport.parkNanos(WATCHED_NANOS - (System.nanoTime() - start));
        }
        long used = Long.parseLong(server.ask("cpu")) - before;
        return 100.0 * used / (System.nanoTime() - start);
    }
}
