package dev.muser.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** Memory files, their seals, their mappings, and faults in them. */
@ExtendWith(DescriptorLeaks.class)
class MemoryTest {
    private static final String NAME = "linux-memory-test";

    private static void refused(int errno, Runnable call) {
        assertThatExceptionOfType(SyscallException.class)
                .isThrownBy(call::run)
                .returns(errno, SyscallException::errno);
    }

    private static long mappings() throws IOException {
        try (var lines = Files.lines(Path.of("/proc/self/maps"))) {
            return lines.filter(line -> line.contains(NAME)).count();
        }
    }

    @Test
    void shouldCreateZeroMemoryOfTheSize() {
        try (var file = MemoryFile.create(NAME, 0x3001)) {
            var status = FileStatus.of(file);
            assertThat(status.size()).isEqualTo(0x3001);
            assertThat(status.isRegular()).isTrue();
            assertThat(status.blockSize()).isEqualTo(4096);
            assertThat(status.inode()).isEqualTo(FileStatus.of(file).inode());
            try (var other = MemoryFile.create(NAME, 1)) {
                assertThat(FileStatus.of(other).inode()).isNotEqualTo(status.inode());
                assertThat(FileStatus.of(other).device()).isEqualTo(status.device());
            }
        }
    }

    @Test
    void shouldTellWhatIsNoFile() {
        try (var event = EventFd.create();
                var pipe = Pipe.create()) {
            assertThat(FileStatus.of(event).isRegular()).isFalse();
            assertThat(FileStatus.of(pipe.source()).isRegular()).isFalse();
        }
    }

    @Test
    void shouldEnforceSeals() {
        try (var file = MemoryFile.create(NAME, 0x2000)) {
            assertThat(MemoryFile.seals(file)).isZero();
            MemoryFile.seal(file, MemoryFile.SEAL_SHRINK);
            assertThat(MemoryFile.seals(file)).isEqualTo(MemoryFile.SEAL_SHRINK);
            refused(Errno.EPERM, () -> MemoryFile.resize(file, 0x1000));
            MemoryFile.resize(file, 0x3000);
            MemoryFile.seal(file, MemoryFile.SEAL_GROW | MemoryFile.SEAL_SEAL);
            refused(Errno.EPERM, () -> MemoryFile.resize(file, 0x4000));
            refused(Errno.EPERM, () -> MemoryFile.seal(file, MemoryFile.SEAL_SHRINK));
        }
    }

    @Test
    void shouldReportNoSealsForFilesThatHaveNone(@TempDir Path folder) {
        try (var file = MemoryFile.open(folder.resolve("plain"), 0x1000);
                var event = EventFd.create()) {
            assertThat(MemoryFile.seals(file) & MemoryFile.SEAL_SHRINK).isZero();
            assertThat(MemoryFile.seals(event)).isZero();
        }
    }

    @Test
    void shouldRefuseImpossibleSizesAndLeaveNothing() {
        refused(Errno.EINVAL, () -> MemoryFile.create(NAME, -1));
    }

    @Test
    void shouldOpenAFileWithTheRightsOfItsOwnerAlone(@TempDir Path folder) throws Exception {
        var path = folder.resolve("Grüße.bin");
        MemoryFile.open(path, 0x1234).close();
        assertThat(Files.size(path)).isEqualTo(0x1234);
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(path)))
                .isEqualTo("rw-------");
        refused(Errno.ENOENT, () -> MemoryFile.open(folder.resolve("none/x"), 1));
        refused(Errno.EINVAL, () -> MemoryFile.open(path, -1));
    }

    @Test
    void shouldShareBytesBetweenMappings() {
        try (var file = MemoryFile.create(NAME, 0x2000);
                var first = Mapping.confined(file, 0, 0x2000, Mapping.Access.READ_WRITE);
                var second = Mapping.shared(file, 0x1000, 0x1000, Mapping.Access.READ)) {
            first.segment().set(ValueLayout.JAVA_LONG, 0x1008, 42);
            assertThat(second.segment().get(ValueLayout.JAVA_LONG, 8)).isEqualTo(42);
            assertThat(second.segment().isReadOnly()).isTrue();
            assertThat(first.segment().byteSize()).isEqualTo(0x2000);
        }
    }

    @Test
    void shouldUnmapOnceAndRefuseUseAfterwards() throws Exception {
        try (var file = MemoryFile.create(NAME, 0x1000)) {
            for (boolean confined : new boolean[] {true, false}) {
                var mapping =
                        confined
                                ? Mapping.confined(file, 0, 0x1000, Mapping.Access.READ_WRITE)
                                : Mapping.shared(file, 0, 0x1000, Mapping.Access.READ_WRITE);
                var segment = mapping.segment();
                assertThat(mappings()).isEqualTo(1);
                mapping.close();
                mapping.close();
                assertThat(mappings()).isZero();
                assertThatIllegalStateException()
                        .isThrownBy(() -> segment.get(ValueLayout.JAVA_BYTE, 0));
                assertThatIllegalStateException()
                        .isThrownBy(() -> mapping.segment().asSlice(8).fill((byte) 0));
            }
        }
    }

    @Test
    void shouldOutliveItsDescriptor() {
        var file = MemoryFile.create(NAME, 0x1000);
        try (var mapping = Mapping.confined(file, 0, 0x1000, Mapping.Access.READ_WRITE)) {
            file.close();
            mapping.segment().set(ValueLayout.JAVA_INT, 0, 7);
            assertThat(mapping.segment().get(ValueLayout.JAVA_INT, 0)).isEqualTo(7);
        }
    }

    @Test
    void shouldRefuseWhatCannotBeMapped() throws Exception {
        try (var event = EventFd.create();
                var file = MemoryFile.create(NAME, 0x1000)) {
            refused(
                    Errno.ENODEV,
                    () -> Mapping.confined(event, 0, 0x1000, Mapping.Access.READ).close());
            refused(
                    Errno.EINVAL,
                    () -> Mapping.confined(file, 5, 0x1000, Mapping.Access.READ).close());
            refused(Errno.EINVAL, () -> Mapping.shared(file, 0, 0, Mapping.Access.READ).close());
        }
        assertThat(mappings()).isZero();
    }

    @Test
    void shouldStayOutOfCoreDumps() throws Exception {
        try (var file = MemoryFile.create(NAME, 0x1000);
                var mapping = Mapping.confined(file, 0, 0x1000, Mapping.Access.READ)) {
            assertThat(flags()).doesNotContain("dd");
            mapping.excludeFromDumps();
            assertThat(flags()).contains("dd");
        }
    }

    /** Returns the kernel's flags of the one mapping. */
    private static List<String> flags() throws IOException {
        boolean found = false;
        for (var line : Files.readAllLines(Path.of("/proc/self/smaps"))) {
            found |= line.contains(NAME);
            if (found && line.startsWith("VmFlags:")) {
                return List.of(line.substring(8).trim().split(" "));
            }
        }
        throw new AssertionError(NAME + " is not mapped");
    }

    @Test
    void shouldClearRangesWithoutChangingTheSize() {
        try (var file = MemoryFile.create(NAME, 0x3000);
                var mapping = Mapping.confined(file, 0, 0x3000, Mapping.Access.READ_WRITE)) {
            mapping.segment().fill((byte) 1);
            MemoryFile.clear(file, 0x800, 0x1000);
            assertThat(mapping.segment().asSlice(0, 0x800).toArray(ValueLayout.JAVA_BYTE))
                    .containsOnly(1);
            assertThat(mapping.segment().asSlice(0x800, 0x1000).toArray(ValueLayout.JAVA_BYTE))
                    .containsOnly(0);
            assertThat(mapping.segment().asSlice(0x1800).toArray(ValueLayout.JAVA_BYTE))
                    .containsOnly(1);
            assertThat(FileStatus.of(file).size()).isEqualTo(0x3000);
        }
    }

    @Test
    void shouldTurnAFaultIntoAnErrorInsideTheFence() {
        try (var arena = Arena.ofConfined();
                var file = MemoryFile.create(NAME, 0x1000);
                var mapping = Mapping.confined(file, 0, 0x1000, Mapping.Access.READ_WRITE)) {
            var buffer = arena.allocate(64, 8);
            for (int i = 0; i < 50_000; i++) {
                assertThat(faults(mapping.segment(), buffer)).isFalse();
            }
            MemoryFile.resize(file, 0);
            for (int i = 0; i < 100; i++) {
                assertThat(faults(mapping.segment(), buffer)).isTrue();
            }
            MemoryFile.resize(file, 0x1000);
            assertThat(faults(mapping.segment(), buffer)).isFalse();
        }
    }

    private static boolean faults(MemorySegment memory, MemorySegment buffer) {
        try {
            MemorySegment.copy(memory, 0, buffer, 0, 64);
            MemoryFault.fence();
            return false;
        } catch (InternalError e) {
            if (!MemoryFault.is(e)) {
                throw e;
            }
            return true;
        }
    }

    @Test
    void shouldTellFaultsFromOtherErrors() {
        assertThat(MemoryFault.is(new InternalError("something else"))).isFalse();
        assertThat(MemoryFault.is(new InternalError())).isFalse();
        assertThat(MemoryFault.is(new IllegalStateException("unsafe memory access"))).isFalse();
    }

    @Test
    void shouldCreateHugePagesOrSayThatThereAreNone() {
        // creating takes no page yet: it works wherever the kernel knows huge pages
        try (var file = MemoryFile.createHuge(NAME, 2 << 20)) {
            assertThat(FileStatus.of(file).blockSize()).isEqualTo(2 << 20);
            assertThat(MemoryFile.seals(file)).isZero();
        } catch (SyscallException e) {
            assertThat(e.errno()).isIn(Errno.EINVAL, Errno.ENODEV, Errno.ENOSYS);
        }
    }
}
