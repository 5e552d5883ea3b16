package dev.muser.bench;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.linux.Affinity;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Disks are driven for a moment, with their processes; what is measured is not judged. */
class DiskBenchTest {
    private static final BenchOptions MOMENT =
            BenchOptions.DEFAULTS
                    .withTime(Duration.ofMillis(10), Duration.ofMillis(2))
                    .withStarts(1)
                    .withJson(true);

    private static final int CPU = Affinity.get().length() - 1;

    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    private List<Measurement> run(Benchmark benchmark) {
        return Bench.run(
                MOMENT.withBenchmarks(Set.of(benchmark)),
                new PrintStream(bytes, true, StandardCharsets.UTF_8));
    }

    private Report report() {
        return new JsonReport(new PrintStream(bytes, true, StandardCharsets.UTF_8));
    }

    private List<String> lines() {
        return bytes.toString(StandardCharsets.UTF_8).lines().toList();
    }

    private static ChildJvm server(Path folder) {
        return ChildJvm.startReady(DiskServer.class, folder.resolve("disk").toString(), "" + CPU);
    }

    @Test
    void shouldMeasureLoadsOfDisks(@TempDir Path folder) {
        var cases =
                List.of(
                        DiskCase.of("null", 4096, DiskCase.READ, 1),
                        DiskCase.of("memory", 4096, DiskCase.HALF, 32),
                        DiskCase.of("null", 512, DiskCase.WRITE, 16).withQueues(2),
                        DiskCase.of("null", 4096, DiskCase.READ, 4).withShadow());
        try (var server = server(folder)) {
            new DiskSpeeds(MOMENT, report(), CPU).run(server, cases);
        }

        assertThat(lines()).hasSameSizeAs(cases);
        assertThat(lines())
                .allSatisfy(line ->
                        assertThat(line)
                                .startsWith("{\"benchmark\":\"nvme-speed\",\"what\":\"")
                                .containsPattern("\"perSecond\":[1-9]")
                                .containsPattern("\"p999\":[1-9]"));
        assertThat(lines().getFirst())
                .contains(
                        "null, 4 KiB read, depth 1\"", "\"floorIs\":\"cache line there and back\"")
                .contains("\"peerPerSecond\":1490000.0");
    }

    @Test
    void shouldMeasureAFileBesideFioWhereThereIsOne(@TempDir Path folder) {
        try (var server = server(folder)) {
            new DiskFiles(MOMENT, report(), CPU)
                    .run(server, folder, List.of(DiskCase.of("buffered", 4096, DiskCase.READ, 4)));
        }

        var ratio = Fio.find().isPresent() ? "\"ratio\":[0-9.]+" : "\"ratio\":null";
        assertThat(lines()).singleElement().asString().containsPattern(ratio);
    }

    @Test
    void shouldTellWhatIdleDisksCost() {
        var results = run(Benchmark.NVME_IDLE);

        assertThat(results)
                .extracting(Measurement::what)
                .contains(
                        "idle, doorbell buffer: wake-ups",
                        "memory: allocated for each command",
                        "file: longest safepoint under load",
                        "slowest of them, of the mean");
        assertThat(results).allSatisfy(m -> assertThat(m.p50()).isNotNegative());
    }

    @Test
    void shouldReadTheLogOfPauses(@TempDir Path folder) throws IOException {
        var file = folder.resolve("gc.log");
        Files.writeString(
                file,
                """
                [0.1s] GC(0) Pause Young (Allocation Failure) 2M->1M(8M) 1.250ms
                [0.1s] Safepoint "GenCollectForAllocation", Time since last: 5 ns, Reaching \
                safepoint: 1 ns, At safepoint: 1 ns, Total: 2000000 ns
                [0.2s] GC(1) Pause Full (System.gc()) 2M->1M(8M) 0.500ms
                """);

        var log = new GcLog(file);

        assertThat(log.since(0)).isEqualTo(new GcLog.Pauses(2, 1.25, 2));
        assertThat(log.since(2)).isEqualTo(new GcLog.Pauses(1, 0.5, 0));
        assertThat(log.size()).isEqualTo(3);
    }

    @Test
    void shouldKeepDisksOutUnlessTheyAreNamed() {
        assertThat(Benchmark.usual()).noneMatch(Benchmark::hasDisks);
        assertThat(Benchmark.named("nvme"))
                .containsExactly(Benchmark.NVME_SPEED, Benchmark.NVME_FILE, Benchmark.NVME_IDLE);
        assertThat(Benchmark.named("idle")).containsExactly(Benchmark.IDLE);
    }
}
