package dev.muser.bench;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.HdrHistogram.Histogram;

/** Disks of nothing and of memory, under loads of many kinds. */
final class DiskSpeeds {
    private static final int ROUNDS = 5;

    /** Turns of the driver between two looks at the clock. */
    private static final int TURNS = 256;

    private static final int FIRST_WARM_UP = 4;

    private final BenchOptions options;
    private final Report report;
    private final int serverCpu;
    private final DiskFloors floors = new DiskFloors();

    DiskSpeeds(BenchOptions options, Report report, int serverCpu) {
        this.options = options;
        this.report = report;
        this.serverCpu = serverCpu;
    }

    static List<DiskCase> cases() {
        var cases = new ArrayList<DiskCase>();
        for (var kind : List.of("null", "memory")) {
            for (int writes : new int[] {DiskCase.READ, DiskCase.WRITE, DiskCase.HALF}) {
                for (int depth : new int[] {1, 32, 128}) {
                    cases.add(DiskCase.of(kind, 4096, writes, depth));
                }
            }
        }
        for (int depth : new int[] {1, 32, 128}) {
            cases.add(DiskCase.of("null", 512, DiskCase.READ, depth));
        }
        cases.add(DiskCase.of("memory", 128 * 1024, DiskCase.READ, 32));
        for (int queues : new int[] {1, 2, 4, 8, 16}) {
            cases.add(DiskCase.of("null", 4096, DiskCase.READ, 16).withQueues(queues));
        }
        for (int depth : new int[] {1, 32, 128}) {
            cases.add(DiskCase.of("null", 4096, DiskCase.READ, depth).withShadow());
        }
        return cases;
    }

    /** On the driver's thread. */
    void run(ChildJvm server, List<DiskCase> cases) {
        for (var kind : List.of("null", "memory")) {
            var what = DiskCase.of(kind, 4096, DiskCase.HALF, 32);
            try (var client = new DiskClient(disk(server, what), what)) {
                // the code of both sides is compiled while both CPUs are busy
                warmUp(client.loads(), FIRST_WARM_UP * options.warmUp().toNanos());
            }
            server.ask("drop");
        }
        for (var what : cases) {
            report.add(measure(what, disk(server, what)));
            server.ask("drop");
        }
    }

    private static Path disk(ChildJvm server, DiskCase what) {
        var doorbell = what.shadow() ? "MESSAGES" : "MAPPED";
        return Path.of(
                server.ask(
                        "disk %s %d %s poll".formatted(what.kind(), what.blockSize(), doorbell)));
    }

    private DiskFigure measure(DiskCase what, Path socket) {
        String floorIs = null;
        double floor = Double.NaN;
        if (what.depth() == 1) {
            floorIs = "cache line there and back";
            floor = floors.roundTrip(serverCpu); // while the disk sleeps: it has no driver
        } else if (what.kind().equals("memory")) {
            floorIs = what.bytes() == 4096 ? "cold copy" : "cold copies of 4 KiB";
            floor = floors.coldCopy() * what.bytes() / 4096;
        }
        try (var client = new DiskClient(socket, what)) {
            if (what.kind().equals("memory")) {
                client.fill();
            }
            var loads = client.loads();
            long nanos = options.time().toNanos();
            warmUp(loads, options.warmUp().toNanos());
            var rounds = new double[ROUNDS];
            for (int i = 0; i < ROUNDS; i++) {
                rounds[i] = run(loads, nanos / (2 * ROUNDS), false);
            }
            Arrays.sort(rounds);
            double perSecond = rounds[ROUNDS / 2];
            run(loads, nanos / 2, true);
            var times = new Histogram(DiskLoad.MAX_NANOS, 3);
            loads.forEach(load -> times.add(load.times()));
            double each = 1e9 / perSecond;
            return new DiskFigure(
                    Benchmark.NVME_SPEED,
                    what.title(),
                    perSecond,
                    each * what.depth() * loads.size(),
                    times.getValueAtPercentile(50),
                    times.getValueAtPercentile(99),
                    times.getValueAtPercentile(99.9),
                    floorIs,
                    floor,
                    each / floor,
                    DiskPeer.perSecond(what));
        }
    }

    private static void warmUp(List<DiskLoad> loads, long nanos) {
        run(loads, nanos / 2, true);
        loads.forEach(load -> load.times().reset());
        run(loads, nanos / 2, false);
    }

    /** Returns the commands a second of all loads together. */
    static double run(List<DiskLoad> loads, long nanos, boolean times) {
        long before = done(loads);
        for (int i = 0; i < loads.size(); i++) {
            loads.get(i).begin(times);
        }
        long start = System.nanoTime();
        long now = start;
        long done = 0;
        while (now - start < nanos || done == 0) { // on a busy machine not even one comes in time
            turns(loads);
            now = System.nanoTime();
            done = done(loads) - before;
        }
        for (int i = 0; i < loads.size(); i++) {
            loads.get(i).end();
        }
        return 1e9 * done / (now - start);
    }

    private static void turns(List<DiskLoad> loads) {
        int n = loads.size();
        for (int turn = 0; turn < TURNS; turn++) {
            for (int i = 0; i < n; i++) {
                loads.get(i).turn();
            }
        }
    }

    private static long done(List<DiskLoad> loads) {
        long sum = 0;
        for (int i = 0; i < loads.size(); i++) {
            sum += loads.get(i).done();
        }
        return sum;
    }
}
