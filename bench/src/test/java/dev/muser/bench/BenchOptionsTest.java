package dev.muser.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.time.Duration;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class BenchOptionsTest {
    @ParameterizedTest
    @EnumSource
    void shouldFindEachBenchmarkByItsId(Benchmark benchmark) {
        assertThat(Benchmark.of(benchmark.id())).isSameAs(benchmark);
    }

    @Test
    void shouldSayWhichBenchmarksThereAre() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Benchmark.of("dma"))
                .withMessageContaining("no benchmark is called dma")
                .withMessageContaining("dma-4k-messages");
    }

    @Test
    void shouldSayWhichPoliciesThereAre() {
        assertThat(Policy.of("polling")).isSameAs(Policy.POLLING);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Policy.of("adaptive"))
                .withMessageContaining("blocking and polling");
    }

    @Test
    void shouldRefuseToMeasureNothing() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> BenchOptions.DEFAULTS.withBenchmarks(Set.of()));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> BenchOptions.DEFAULTS.withPolicies(Set.of()));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> BenchOptions.DEFAULTS.withTime(Duration.ZERO, Duration.ZERO));
        assertThatIllegalArgumentException().isThrownBy(() -> BenchOptions.DEFAULTS.withStarts(0));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> BenchOptions.DEFAULTS.withIdleDevices(0));
    }
}
