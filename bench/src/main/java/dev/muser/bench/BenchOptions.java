package dev.muser.bench;

import java.time.Duration;
import java.util.EnumSet;
import java.util.OptionalInt;
import java.util.Set;

/**
 * What to measure, and how long.
 *
 * @param benchmarks which ones
 * @param policies how the two sides wait
 * @param clientCpu where the client runs, and with {@link Policy#BLOCKING} the server too; empty
 *     for the first CPU that this process may use
 * @param serverCpu where the server polls; empty for the second CPU
 * @param time how long each figure is measured, its floor included
 * @param warmUp how long each figure may take at most to become stable before that
 * @param starts how many times a server is started
 * @param idleDevices how many idle devices one process has
 * @param json whether the results are JSON, one object for each figure
 */
public record BenchOptions(
        Set<Benchmark> benchmarks,
        Set<Policy> policies,
        OptionalInt clientCpu,
        OptionalInt serverCpu,
        Duration time,
        Duration warmUp,
        int starts,
        int idleDevices,
        boolean json) {

    /** Everything but disks, in less than a minute. */
    public static final BenchOptions DEFAULTS =
            new BenchOptions(
                    Benchmark.usual(),
                    EnumSet.allOf(Policy.class),
                    OptionalInt.empty(),
                    OptionalInt.empty(),
                    Duration.ofMillis(720),
                    Duration.ofMillis(900),
                    5,
                    1000,
                    false);

    /** All but polling, in less than 15 seconds, and less exactly. */
    public static final BenchOptions QUICK =
            DEFAULTS.withPolicies(EnumSet.of(Policy.BLOCKING))
                    .withTime(Duration.ofMillis(150), Duration.ofMillis(250))
                    .withStarts(2)
                    .withIdleDevices(200);

    public BenchOptions {
        benchmarks = Set.copyOf(benchmarks);
        policies = Set.copyOf(policies);
        if (benchmarks.isEmpty() || policies.isEmpty()) {
            throw new IllegalArgumentException("nothing to measure: no benchmark, or no policy");
        }
        if (time.toMillis() < 1 || warmUp.isNegative()) {
            throw new IllegalArgumentException(
                    "time %s and warm-up %s: must be at least 1 ms, and 0".formatted(time, warmUp));
        }
        if (starts < 1 || idleDevices < 1) {
            throw new IllegalArgumentException(
                    "%d starts, %d idle devices: must be at least 1"
                            .formatted(starts, idleDevices));
        }
    }

    public BenchOptions withBenchmarks(Set<Benchmark> chosen) {
        return new BenchOptions(
                chosen, policies, clientCpu, serverCpu, time, warmUp, starts, idleDevices, json);
    }

    public BenchOptions withPolicies(Set<Policy> chosen) {
        return new BenchOptions(
                benchmarks, chosen, clientCpu, serverCpu, time, warmUp, starts, idleDevices, json);
    }

    public BenchOptions withCpus(OptionalInt client, OptionalInt server) {
        return new BenchOptions(
                benchmarks, policies, client, server, time, warmUp, starts, idleDevices, json);
    }

    public BenchOptions withTime(Duration measured, Duration atMostWarmUp) {
        return new BenchOptions(
                benchmarks,
                policies,
                clientCpu,
                serverCpu,
                measured,
                atMostWarmUp,
                starts,
                idleDevices,
                json);
    }

    public BenchOptions withStarts(int count) {
        return new BenchOptions(
                benchmarks, policies, clientCpu, serverCpu, time, warmUp, count, idleDevices, json);
    }

    public BenchOptions withIdleDevices(int count) {
        return new BenchOptions(
                benchmarks, policies, clientCpu, serverCpu, time, warmUp, starts, count, json);
    }

    public BenchOptions withJson(boolean wanted) {
        return new BenchOptions(
                benchmarks,
                policies,
                clientCpu,
                serverCpu,
                time,
                warmUp,
                starts,
                idleDevices,
                wanted);
    }
}
