package dev.muser.cli;

import dev.muser.bench.Bench;
import dev.muser.bench.BenchOptions;
import dev.muser.bench.Benchmark;
import dev.muser.bench.Policy;
import dev.muser.linux.Affinity;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Iterator;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code muser bench}. */
@Command(
        name = "bench",
        description = {
            "Measure what a device behind a socket costs on this machine, each figure beside its"
                    + " floor in the same run: ratios travel, microseconds do not.",
        },
        sortOptions = false,
        footer = {
            "",
            "Client and floor take turns; a ratio is the median of the turns' ratios, not the"
                    + " quotient of",
            "the two medians in its row, so that it is right also while other programs run."
        })
final class BenchCommand extends BaseCommand implements Callable<Integer> {
    @Parameters(
            paramLabel = "BENCHMARK",
            arity = "0..*",
            completionCandidates = BenchCommand.Names.class,
            description =
                    "Which ones; all but those of NVMe disks unless given, all of those by nvme."
                            + " --list names them.")
    private List<String> names = List.of();

    @Option(names = "--list", description = "List the benchmarks and their floors, and end.")
    private boolean list;

    @Option(
            names = "--quick",
            description = "Take less than 15 seconds, a minute for disks, and be less exact.")
    private boolean quick;

    @Option(
            names = "--policy",
            paramLabel = "POLICY",
            converter = PolicyConverter.class,
            description =
                    "How both sides wait: blocking, on one CPU; polling, on two. Both unless"
                            + " given.")
    private @Nullable Policy policy;

    @Option(names = "--client-cpu", paramLabel = "N", description = "Run the client on this CPU.")
    private @Nullable Integer clientCpu;

    @Option(names = "--server-cpu", paramLabel = "N", description = "Run the server on this CPU.")
    private @Nullable Integer serverCpu;

    @Option(names = "--json", description = "Print JSON, one object for each figure.")
    private boolean json;

    static final class PolicyConverter extends Choice<Policy> {
        PolicyConverter() {
            super(Policy.values());
        }
    }

    /** What can be typed for BENCHMARK. */
    static final class Names implements Iterable<String> {
        @Override
        public Iterator<String> iterator() {
            var ids = Arrays.stream(Benchmark.values()).map(Benchmark::id);
            return Stream.concat(ids, Stream.of(Benchmark.DISKS)).iterator();
        }
    }

    @Override
    public Integer call() {
        if (list) {
            for (var benchmark : Benchmark.values()) {
                out().printf(
                                "%-16s %s; floor: %s%n",
                                benchmark.id(), benchmark.title(), benchmark.floor());
            }
            out().flush();
            return ExitCode.OK;
        }
        var options = quick ? BenchOptions.QUICK : BenchOptions.DEFAULTS;
        options = options.withBenchmarks(benchmarks()).withJson(json);
        if (policy != null) {
            options = options.withPolicies(EnumSet.of(policy));
        }
        Bench.run(
                options.withCpus(cpu("--client-cpu", clientCpu), cpu("--server-cpu", serverCpu)),
                System.out);
        return ExitCode.OK;
    }

    private Set<Benchmark> benchmarks() {
        if (names.isEmpty()) {
            return Benchmark.usual();
        }
        try {
            return names.stream()
                    .flatMap(name -> Benchmark.named(name).stream())
                    .collect(Collectors.toSet());
        } catch (IllegalArgumentException e) {
            throw new UserError(String.valueOf(e.getMessage()));
        }
    }

    private static OptionalInt cpu(String option, @Nullable Integer cpu) {
        if (cpu == null) {
            return OptionalInt.empty();
        }
        var usable = Affinity.get();
        if (cpu < 0 || !usable.get(cpu)) {
            throw new UserError("%s %d: this process may run on %s".formatted(option, cpu, usable));
        }
        return OptionalInt.of(cpu);
    }
}
