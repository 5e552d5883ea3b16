package dev.muser.bench;

import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;

/** The benchmarks of NVMe disks: their server in a process of its own, the driver here. */
final class Disks {
    private final BenchOptions options;
    private final Report report;
    private final Consumer<Measurement> results;
    private final Path folder;
    private final int serverCpu;

    Disks(
            BenchOptions options,
            Report report,
            Consumer<Measurement> results,
            Path folder,
            int serverCpu) {
        this.options = options;
        this.report = report;
        this.results = results;
        this.folder = folder;
        this.serverCpu = serverCpu;
    }

    /** On the driver's thread. */
    void run(Set<Benchmark> wanted) {
        if (wanted.contains(Benchmark.NVME_SPEED)) {
            report.note(
                    "disk and driver poll on CPUs of their own; peer: the fastest target in C, as"
                            + " measured once on another machine");
            with(
                    server ->
                            new DiskSpeeds(options, report, serverCpu)
                                    .run(server, DiskSpeeds.cases()),
                    List.of());
        }
        if (wanted.contains(Benchmark.NVME_FILE)) {
            with(
                    server ->
                            new DiskFiles(options, report, serverCpu)
                                    .run(server, folder, DiskFiles.cases()),
                    List.of());
        }
        if (wanted.contains(Benchmark.NVME_IDLE)) {
            var log = new GcLog(folder.resolve("gc.log"));
            var image = DiskFiles.image(folder);
            with(
                    server -> new DiskIdle(options, image, results).run(server, log),
                    List.of(log.option()));
        }
    }

    private void with(Consumer<ChildJvm> work, List<String> jvmOptions) {
        try (var server =
                ChildJvm.startReady(
                        jvmOptions,
                        DiskServer.class,
                        folder.resolve("disk").toString(),
                        Integer.toString(serverCpu))) {
            work.accept(server);
        }
    }
}
