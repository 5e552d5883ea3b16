package dev.muser.testkit.hostile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.muser.linux.Fd;
import dev.muser.linux.IoUring;
import dev.muser.linux.Mapping;
import dev.muser.linux.MemoryFile;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a hostile test counts can be seen to be more. */
final class ResourcesTest {
    @TempDir private Path folder = Path.of("");

    private static Resources more(Resources before) {
        return Resources.now().minus(before);
    }

    @ParameterizedTest
    @CsvSource({"/dev/zero, /dev/zero", "/proc/self/status, /proc/N/status"})
    void shouldCountDescriptorsOfDevicesThatTestsSend(Path path, String kind) {
        var before = Resources.now();
        try (var _ = OpenFile.open(path, OpenFile.O_RDONLY)) {
            assertThat(more(before).descriptors()).containsEntry(kind, 1);
        }
        assertThat(more(before).descriptors()).doesNotContainKey(kind);
    }

    @Test
    void shouldCountMappingsOfMemoryFiles() {
        try (var file = MemoryFile.create("counted", 0x3000)) {
            expectCounted(file);
        }
    }

    @Test
    void shouldCountMappingsOfFilesOfTests() {
        try (var file = MemoryFile.open(folder.resolve("counted"), 0x3000)) {
            expectCounted(file);
        }
    }

    @Test
    void shouldCountRings() {
        assumeThat(IoUring.unavailable()).isNull();
        try (var file = MemoryFile.create("counted", 0x3000)) {
            var before = Resources.now();
            try (var _ = IoUring.open(file, 8)) {
                assertThat(more(before).mappings()).isPositive();
            }
            assertThat(more(before).mappings()).isZero();
        }
    }

    private static void expectCounted(Fd file) {
        var before = Resources.now();
        try (var _ = Mapping.confined(file, 0, 0x3000, Mapping.Access.READ_WRITE)) {
            assertThat(more(before).mappings()).isEqualTo(1);
            assertThat(more(before).mappedBytes()).isEqualTo(0x3000);
        }
        assertThat(more(before).mappings()).isZero();
    }
}
