package dev.muser.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Everything runs once, for a moment, with its processes; what it measures is not judged. */
class BenchTest {
    private static final BenchOptions MOMENT =
            BenchOptions.DEFAULTS
                    .withTime(Duration.ofMillis(18), Duration.ofMillis(3))
                    .withStarts(1)
                    .withIdleDevices(3)
                    .withPolicies(Set.of(Policy.BLOCKING));

    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    private List<Measurement> run(BenchOptions options) {
        return Bench.run(options, new PrintStream(bytes, true, StandardCharsets.UTF_8));
    }

    private List<String> lines() {
        return bytes.toString(StandardCharsets.UTF_8).lines().toList();
    }

    @Test
    void shouldMeasureEveryMessageBesideItsFloor() {
        var messages = EnumSet.allOf(Benchmark.class);
        messages.removeIf(benchmark -> !benchmark.hasPolicy());

        var results = run(MOMENT.withBenchmarks(messages));

        assertThat(results).extracting(Measurement::benchmark).containsExactlyElementsOf(messages);
        assertThat(results)
                .allSatisfy(m -> {
                    assertThat(m.p50()).isPositive();
                    assertThat(m.p99()).isGreaterThanOrEqualTo(m.p50());
                    assertThat(m.floor50()).isPositive();
                    assertThat(m.ratio()).isPositive();
                    assertThat(m.samples()).isPositive();
                });
    }

    @Test
    void shouldCountWhatIdleDevicesUse() {
        var results = run(MOMENT.withBenchmarks(Set.of(Benchmark.IDLE)));

        assertThat(results)
                .extracting(Measurement::what)
                .containsExactly(
                        "heap of one, no client",
                        "descriptors of one, no client",
                        "heap of one, a silent client each",
                        "descriptors of one, a silent client each",
                        "CPU of all of them");
        // its listening socket and the file of its BAR; then its client's socket
        assertThat(results.get(1).p50()).isEqualTo(2);
        assertThat(results.get(3).p50()).isEqualTo(3);
    }

    @Test
    void shouldTimeTheStartOfAProcess() {
        var results = run(MOMENT.withBenchmarks(Set.of(Benchmark.START)));

        assertThat(results.getFirst().p50()).isPositive();
        assertThat(results.getFirst().floor50()).isPositive();
        assertThat(results.getLast().unit()).isEqualTo("MiB");
        assertThat(results.getLast().p50()).isPositive();
    }

    @Test
    void shouldPrintOneJsonObjectForEachFigure() {
        run(MOMENT.withBenchmarks(Set.of(Benchmark.READ)).withJson(true));

        assertThat(lines()).hasSize(2);
        assertThat(lines().getLast())
                .startsWith("{\"benchmark\":\"read\",\"policy\":\"blocking\",")
                .contains("\"unit\":\"ns\"", "\"ratio\":")
                .endsWith("}");
    }
}
