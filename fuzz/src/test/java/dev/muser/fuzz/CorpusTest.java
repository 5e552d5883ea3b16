package dev.muser.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.zip.ZipFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Whatever was found stays found: each input in {@code corpus}, without a fuzzer. */
class CorpusTest {
    private static final Path CORPUS = Path.of("corpus");
    private static final Path FOUND = Path.of("found");

    private static List<Path> inputs(Targets target) throws IOException {
        try (var files = Files.list(CORPUS.resolve(target.label()))) {
            return files.sorted().toList();
        }
    }

    @ParameterizedTest
    @EnumSource
    void shouldBearEachInputThatIsKept(Targets which) throws IOException {
        var inputs = inputs(which);
        assertThat(inputs).isNotEmpty();
        try (var target = which.make()) {
            for (var file : inputs) {
                run(target, Files.readAllBytes(file), file);
            }
        }
    }

    /** What fuzzing has found worth keeping: {@code fuzz/run -k}. */
    @ParameterizedTest
    @EnumSource
    void shouldBearEachInputThatReachesMore(Targets which) throws IOException {
        var inputs = new LinkedHashMap<String, byte[]>();
        try (var found = new ZipFile(FOUND.resolve(which.label() + ".zip").toFile())) {
            for (var entry : Collections.list(found.entries())) {
                inputs.put(entry.getName(), found.getInputStream(entry).readAllBytes());
            }
        }
        assertThat(inputs).isNotEmpty();
        try (var target = which.make()) {
            inputs.forEach((name, input) -> run(target, input, name));
        }
    }

    private static void run(Target target, byte[] input, Object name) {
        try {
            target.run(new Input(input));
        } catch (RuntimeException | Error e) {
            throw new AssertionError("with " + name, e);
        }
    }

    /** A target that has changed reads its old seeds as something else. */
    @ParameterizedTest
    @EnumSource
    void shouldHaveTheSeedsThatTheTargetReadsNow(Targets which) throws IOException {
        for (var seed : Seeds.of(which).entrySet()) {
            assertThat(CORPUS.resolve(which.label()).resolve(seed.getKey()))
                    .as("run fuzz/seeds")
                    .hasBinaryContent(seed.getValue());
        }
    }

    @Test
    void shouldHaveNoInputsOfTargetsThatAreGone() throws IOException {
        try (var folders = Files.list(CORPUS)) {
            assertThat(folders.map(folder -> folder.getFileName().toString()))
                    .containsExactlyInAnyOrderElementsOf(Targets.labels());
        }
    }
}
