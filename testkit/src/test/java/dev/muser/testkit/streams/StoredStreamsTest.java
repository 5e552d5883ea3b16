package dev.muser.testkit.streams;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** "A newer build reads an older stream" (docs/migration.md). */
class StoredStreamsTest {
    private static final String BUILD = "2026-11-26";

    private static List<Sample> samples() {
        return Samples.ALL;
    }

    private static byte[] stored(Sample sample) throws IOException {
        var name = BUILD + "/" + sample.name() + ".stream";
        try (var file = StoredStreamsTest.class.getResourceAsStream(name)) {
            assertThat(file).as(name).isNotNull();
            return file.readAllBytes();
        }
    }

    @ParameterizedTest
    @MethodSource("samples")
    void shouldReadWhatAnOlderBuildWrote(Sample sample) throws IOException {
        try (var bench = new Bench(sample.factory())) {
            bench.resume(stored(sample));
            sample.check(bench);
        }
    }

    /** Else a stored stream would tell nothing of it. */
    @ParameterizedTest
    @MethodSource("samples")
    void shouldReadWhatItWritesItself(Sample sample) {
        try (var bench = new Bench(sample.factory())) {
            bench.resume(sample.make());
            sample.check(bench);
        }
    }
}
