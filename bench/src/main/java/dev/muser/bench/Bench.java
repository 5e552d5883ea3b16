package dev.muser.bench;

import dev.muser.linux.Affinity;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Supplier;

/** Runs benchmarks, and prints each figure beside its floor as it comes. */
public final class Bench {
    /** Messages whose allocation is counted, for each millisecond that a figure may take. */
    private static final int MESSAGES_PER_MS = 700;

    private final BenchOptions options;
    private final Report report;
    private final Rounds rounds;
    private final List<Measurement> results = new ArrayList<>();

    private Bench(BenchOptions options, PrintStream out) {
        this.options = options;
        report = options.json() ? new JsonReport(out) : new TextReport(out);
        rounds = new Rounds(options);
    }

    /**
     * Runs what {@code options} say; processes that it starts end with it.
     *
     * @param out gets the results, a line each
     * @return the same results
     * @throws IllegalStateException when a process that is measured fails; its errors are on
     *     standard error
     */
    public static List<Measurement> run(BenchOptions options, PrintStream out) {
        var bench = new Bench(options, out);
        var folder = createFolder();
        try {
            bench.run(folder);
        } finally {
            remove(folder);
        }
        return List.copyOf(bench.results);
    }

    private void run(Path folder) {
        var cpus = Affinity.get();
        int client = options.clientCpu().orElse(cpus.nextSetBit(0));
        int second =
                cpus.nextSetBit(client + 1) < 0 ? cpus.nextSetBit(0) : cpus.nextSetBit(client + 1);
        int server = options.serverCpu().orElse(second);
        report.begin(client, server);
        boolean messages = options.benchmarks().stream().anyMatch(Benchmark::hasPolicy);
        if (wants(Benchmark.ALLOCATION)
                || (messages && options.policies().contains(Policy.BLOCKING))) {
            messages(folder, Policy.BLOCKING, client, client);
        }
        if (messages && options.policies().contains(Policy.POLLING)) {
            if (client == server) {
                report.note("polling is left out: it takes two CPUs, and there is one");
            } else {
                messages(folder, Policy.POLLING, client, server);
            }
        }
        disks(folder, client, server);
        if (wants(Benchmark.START)) {
            StartUp.measure(folder, options.starts()).forEach(this::add);
        }
        if (wants(Benchmark.IDLE)) {
            IdleDevices.measure(folder, options.idleDevices()).forEach(this::add);
        }
    }

    private void disks(Path folder, int client, int server) {
        if (options.benchmarks().stream().noneMatch(Benchmark::hasDisks)) {
            return;
        }
        if (client == server) {
            report.note("disks are left out: they take two CPUs, and there is one");
            return;
        }
        var disks = new Disks(options, report, this::add, folder, server);
        pinned(
                client,
                () -> {
                    disks.run(options.benchmarks());
                    return true;
                });
    }

    private boolean wants(Benchmark benchmark) {
        return options.benchmarks().contains(benchmark);
    }

    private void add(Measurement measurement) {
        results.add(measurement);
        report.add(measurement);
    }

    private void messages(Path folder, Policy policy, int clientCpu, int serverCpu) {
        try (var setup = new Setup(folder, policy, serverCpu)) {
            if (options.policies().contains(policy)) {
                for (var benchmark : Benchmark.values()) {
                    if (benchmark.hasPolicy() && wants(benchmark)) {
                        add(benchmark, policy, pinned(clientCpu, () -> measure(benchmark, setup)));
                    }
                }
            }
            if (policy == Policy.BLOCKING && wants(Benchmark.ALLOCATION)) {
                long time = options.time().toMillis();
                int messages = Math.clamp(MESSAGES_PER_MS * time, 65_536, 1 << 20);
                add(
                        Measurement.of(
                                Benchmark.ALLOCATION,
                                null,
                                Benchmark.ALLOCATION.title(),
                                "bytes",
                                pinned(clientCpu, () -> RegionProbes.allocation(setup, messages))));
            }
        }
    }

    private void add(Benchmark benchmark, Policy policy, Rounds.Result result) {
        add(
                new Measurement(
                        benchmark,
                        policy,
                        benchmark.title(),
                        "ns",
                        result.p50(),
                        result.p99(),
                        result.floor50(),
                        result.floor99(),
                        result.ratio(),
                        result.samples()));
    }

    private Rounds.Result measure(Benchmark benchmark, Setup setup) {
        return switch (benchmark) {
            case READ -> RegionProbes.read(setup, rounds);
            case WRITE -> RegionProbes.write(setup, rounds, 4);
            case WRITE_4K -> RegionProbes.write(setup, rounds, 4096);
            case POSTED -> RegionProbes.posted(setup, rounds);
            case PIPELINED -> RegionProbes.pipelined(setup, rounds);
            case DMA_MAP -> DmaProbes.map(setup, rounds);
            case DMA_4K -> DmaProbes.copy(setup, rounds, 4096);
            case DMA_1M -> DmaProbes.copy(setup, rounds, 1 << 20);
            case DMA_4K_MESSAGES -> DmaProbes.messages(setup, rounds, 4096);
            case DMA_1M_MESSAGES -> DmaProbes.messages(setup, rounds, 1 << 20);
            case INTERRUPT -> InterruptProbes.interrupt(setup, rounds);
            case ALLOCATION, START, IDLE, NVME_SPEED, NVME_FILE, NVME_IDLE ->
                    throw new AssertionError(benchmark);
        };
    }

    /**
     * Runs {@code work} on a thread of its own, since a pinned thread's children are pinned too.
     */
    private static <T> T pinned(int cpu, Supplier<T> work) {
        var result = new CompletableFuture<T>();
        Thread.ofPlatform()
                .name("bench-client")
                .start(() -> {
                    try {
                        var one = new BitSet();
                        one.set(cpu);
                        Affinity.set(one);
                        result.complete(work.get());
                    } catch (RuntimeException | Error e) {
                        result.completeExceptionally(e);
                    }
                });
        try {
            return result.join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof RuntimeException cause) {
                throw cause;
            }
            throw e;
        }
    }

    private static Path createFolder() {
        try {
            return Files.createTempDirectory("muser-bench");
        } catch (IOException e) {
            throw new UncheckedIOException("cannot create a folder for sockets", e);
        }
    }

    private static void remove(Path folder) {
        try (var files = Files.walk(folder)) {
            for (var file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(file);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot remove " + folder, e);
        }
    }
}
