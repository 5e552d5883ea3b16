package dev.muser.bench;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** What disks cost that have nothing to do, and how disks of one loop share it. */
final class DiskIdle {
    private static final int DISKS = 64;

    private final BenchOptions options;
    private final Path image;
    private final Consumer<Measurement> results;

    /**
     * @param image a file that a disk can be of
     */
    DiskIdle(BenchOptions options, Path image, Consumer<Measurement> results) {
        this.options = options;
        this.image = image;
        this.results = results;
    }

    /** On the driver's thread. */
    void run(ChildJvm server, GcLog log) {
        idle(server, "MESSAGES", "doorbell buffer", true);
        idle(server, "MAPPED", "mapped doorbells", false);
        load(server, log, "memory", "memory");
        load(server, log, "buffered", "file");
        var all = log.since(0);
        add("collections since the start", "", all.collections());
        add("longest collection since the start", "ms", all.longestCollection());
        share(server);
    }

    private void add(String what, String unit, double value) {
        results.accept(Measurement.of(Benchmark.NVME_IDLE, null, what, unit, value));
    }

    private void idle(ChildJvm server, String doorbell, String words, boolean shadow) {
        var what = DiskCase.of("null", 4096, DiskCase.READ, 1);
        var socket = Path.of(server.ask("disk null 4096 %s sleep".formatted(doorbell)));
        try (var client = new DiskClient(socket, shadow ? what.withShadow() : what)) {
            DiskSpeeds.run(client.loads(), options.time().toNanos(), false);
            sleep(200);
            var before = server.ask("loop").split(" ", 2);
            long start = System.nanoTime();
            sleep(4 * options.time().toMillis());
            var after = server.ask("loop").split(" ", 2);
            double seconds = (System.nanoTime() - start) / 1e9;
            add(
                    "idle, %s: wake-ups".formatted(words),
                    "/s",
                    difference(before, after, 0) / seconds);
            add(
                    "idle, %s: CPU".formatted(words),
                    "%",
                    100 * difference(before, after, 1) / 1e9 / seconds);
        }
        server.ask("drop");
    }

    private static double difference(String[] before, String[] after, int field) {
        return Long.parseLong(after[field]) - Long.parseLong(before[field]);
    }

    private static void sleep(long millis) {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void load(ChildJvm server, GcLog log, String kind, String words) {
        var what = DiskCase.of(kind, 4096, DiskCase.HALF, 32);
        var socket = Path.of(server.ask("disk %s 4096 MAPPED poll %s".formatted(kind, image)));
        try (var client = new DiskClient(socket, what)) {
            var load = client.loads().getFirst();
            long time = options.time().toNanos();
            DiskSpeeds.run(client.loads(), 2 * options.warmUp().toNanos(), false);
            int lines = log.size();
            long allocated = Long.parseLong(server.ask("allocated"));
            long asking = Long.parseLong(server.ask("allocated")) - allocated;
            long before = load.done();
            DiskSpeeds.run(client.loads(), 4 * time, false);
            long more = Long.parseLong(server.ask("allocated")) - allocated - 2 * asking;
            add(
                    "%s: allocated for each command".formatted(words),
                    "bytes",
                    (double) Math.max(0, more) / (load.done() - before));
            var during = log.since(lines);
            add("%s: collections under load".formatted(words), "", during.collections());
            add(
                    "%s: longest safepoint under load".formatted(words),
                    "ms",
                    during.longestSafepoint());
        }
        server.ask("drop");
    }

    private void share(ChildJvm server) {
        var what = DiskCase.of("null", 4096, DiskCase.READ, 4);
        var clients = new ArrayList<DiskClient>();
        try {
            var loads = new ArrayList<DiskLoad>();
            for (int i = 0; i < DISKS; i++) {
                var client =
                        new DiskClient(Path.of(server.ask("disk null 4096 MAPPED poll")), what);
                clients.add(client);
                loads.addAll(client.loads());
            }
            DiskSpeeds.run(loads, options.warmUp().toNanos(), false);
            var before = loads.stream().mapToLong(DiskLoad::done).toArray();
            double perSecond = DiskSpeeds.run(loads, options.time().toNanos(), false);
            add("%d disks on one loop: all of them".formatted(DISKS), "/s", perSecond);
            add("slowest of them, of the mean", "x", slowest(loads, before));
        } finally {
            clients.forEach(DiskClient::close);
        }
        server.ask("drop");
    }

    private static double slowest(List<DiskLoad> loads, long[] before) {
        long sum = 0;
        long least = Long.MAX_VALUE;
        for (int i = 0; i < before.length; i++) {
            long done = loads.get(i).done() - before[i];
            sum += done;
            least = Math.min(least, done);
        }
        return (double) least * before.length / sum;
    }
}
