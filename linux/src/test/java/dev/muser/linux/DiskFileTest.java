package dev.muser.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** Files as disks: opening, locking, holes, vectors, what direct I/O asks for. */
@ExtendWith(DescriptorLeaks.class)
class DiskFileTest {
    @TempDir private Path folder = Path.of(".");

    private static void refused(int errno, Runnable call) {
        assertThatExceptionOfType(SyscallException.class)
                .isThrownBy(call::run)
                .returns(errno, SyscallException::errno);
    }

    private Path file(int size) throws IOException {
        return Files.write(folder.resolve("Grüße.img"), new byte[size]);
    }

    @Test
    void shouldOpenWhatIsThereAndCreateWhatIsNot() throws IOException {
        var path = folder.resolve("new");
        refused(Errno.ENOENT, () -> DiskFile.open(path, DiskFile.READ_WRITE));
        DiskFile.open(path, DiskFile.READ_WRITE | DiskFile.CREATE_NEW).close();
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(path)))
                .isEqualTo("rw-------");
        refused(Errno.EEXIST, () -> DiskFile.open(path, DiskFile.READ_WRITE | DiskFile.CREATE_NEW));
        refused(Errno.EISDIR, () -> DiskFile.open(folder, DiskFile.READ_WRITE));
        try (var read = DiskFile.open(path, DiskFile.READ_ONLY);
                var arena = Arena.ofConfined()) {
            assertThat(FileStatus.of(read).isRegular()).isTrue();
            assertThat(FileStatus.of(read).isBlockDevice()).isFalse();
            assertThat(read.write(arena.allocate(1), 0, 1)).isEqualTo(-Errno.EBADF);
        }
        try (var opened = DiskFile.open(folder, DiskFile.READ_ONLY)) {
            assertThat(FileStatus.of(opened).isDirectory()).isTrue();
        }
    }

    @Test
    void shouldNotWaitForTheOtherEndOfAPipe() throws Exception {
        var path = folder.resolve("pipe");
        assertThat(new ProcessBuilder("mkfifo", path.toString()).start().waitFor()).isZero();
        try (var pipe = DiskFile.open(path, DiskFile.READ_ONLY)) {
            assertThat(FileStatus.of(pipe).isRegular()).isFalse();
        }
    }

    @Test
    void shouldReadWithoutWaitingWhatIsInMemoryAndNothingElse() throws IOException {
        var path = folder.resolve("cached");
        Files.write(path, new byte[] {1, 2, 3, 4});
        var vector = new IoVector(1);
        try (var file = DiskFile.open(path, DiskFile.READ_ONLY);
                var pipe = Pipe.create();
                var arena = Arena.ofConfined()) {
            var bytes = arena.allocate(8);
            vector.add(bytes.address(), 8);
            assertThat(DiskFile.readCached(file, 1, vector)).isEqualTo(3);
            assertThat(bytes.asSlice(0, 3).toArray(JAVA_BYTE)).containsExactly(2, 3, 4);
            assertThat(DiskFile.readCached(file, 4, vector)).isZero();
            pipe.source().nonBlocking(false); // where another read would wait
            assertThat(DiskFile.readCached(pipe.source(), -1, vector)).isEqualTo(-Errno.EAGAIN);
            assertThat(DiskFile.readCached(pipe.sink(), -1, vector)).isEqualTo(-Errno.EBADF);
        }
    }

    @Test
    void shouldLockAgainstOthersOfThisProcessToo() throws IOException {
        var path = file(512);
        try (var first = DiskFile.open(path, DiskFile.READ_WRITE);
                var second = DiskFile.open(path, DiskFile.READ_ONLY)) {
            assertThat(DiskFile.tryLock(first, true)).isTrue();
            assertThat(DiskFile.tryLock(second, false)).isFalse();
            assertThat(DiskFile.tryLock(second, true)).isFalse();
            DiskFile.unlock(first);
            assertThat(DiskFile.tryLock(second, false)).isTrue();
            assertThat(DiskFile.tryLock(first, false)).isTrue();
            assertThat(DiskFile.tryLock(first, true)).isFalse();
        }
    }

    @Test
    void shouldWriteAndReadSeveralPieces() throws IOException {
        try (var file = DiskFile.open(file(0), DiskFile.READ_WRITE);
                var arena = Arena.ofConfined()) {
            var data = arena.allocate(3000);
            var vector = new IoVector(1);
            for (int i = 0; i < 1000; i++) {
                data.asSlice(i * 3L, 3).fill((byte) i);
                assertThat(vector.add(data.address() + i * 3L, 3)).isTrue();
            }
            assertThat(vector.count()).isEqualTo(1000);
            assertThat(DiskFile.write(file, 100, vector, DiskFile.WRITE_DURABLY)).isEqualTo(3000);
            assertThat(DiskFile.syncData(file)).isZero();
            var written = data.toArray(JAVA_BYTE);
            data.fill((byte) 0);
            assertThat(DiskFile.read(file, 100, vector)).isEqualTo(3000);
            assertThat(data.toArray(JAVA_BYTE)).isEqualTo(written);
            assertThat(DiskFile.read(file, 3100, vector)).isZero();
            vector.clear();
            assertThat(vector.add(8, 8)).isTrue();
            assertThat(DiskFile.read(file, 0, vector)).isEqualTo(-Errno.EFAULT);
        }
    }

    @Test
    void shouldTakeNoMorePiecesThanTheKernelDoes() {
        var vector = new IoVector(4);
        for (int i = 0; i < IoVector.MAXIMUM; i++) {
            assertThat(vector.add(i, 1)).isTrue();
        }
        assertThat(vector.add(0, 1)).isFalse();
        assertThat(vector.count()).isEqualTo(IoVector.MAXIMUM);
        vector.clear();
        assertThat(vector.add(0, 1)).isTrue();
    }

    @Test
    void shouldGiveRoomBackAndTakeIt() throws IOException {
        try (var file = DiskFile.open(file(0x10000), DiskFile.READ_WRITE)) {
            assertThat(DiskFile.syncData(file)).isZero();
            assertThat(FileStatus.of(file).allocated()).isEqualTo(0x10000);
            assertThat(DiskFile.allocate(file, DiskFile.PUNCH_HOLE, 0, 0x8000)).isZero();
            assertThat(FileStatus.of(file).allocated()).isEqualTo(0x8000);
            assertThat(DiskFile.allocate(file, 0, 0, 0x4000)).isZero();
            assertThat(FileStatus.of(file).allocated()).isEqualTo(0xc000);
            assertThat(FileStatus.of(file).size()).isEqualTo(0x10000);
            assertThat(DiskFile.allocate(file, DiskFile.PUNCH_HOLE, -1, 1))
                    .isEqualTo(-Errno.EINVAL);
        }
        try (var file = MemoryFile.create("disk", 0x1000)) {
            assertThat(DiskFile.allocate(file, DiskFile.ZERO_RANGE, 0, 0x1000))
                    .isEqualTo(-Errno.EOPNOTSUPP);
        }
    }

    @Test
    void shouldKnowWhatDirectIoAsksFor() throws IOException {
        try (var file = DiskFile.open(file(512), DiskFile.READ_WRITE)) {
            var alignment = DirectAlignment.of(file);
            assertThat(Integer.bitCount(alignment.offset())).isEqualTo(1);
            assertThat(Integer.bitCount(alignment.memory())).isEqualTo(1);
        }
    }

    @Test
    void shouldNotTakeFilesForBlockDevices() throws IOException {
        try (var file = DiskFile.open(file(512), DiskFile.READ_WRITE);
                var arena = Arena.ofConfined()) {
            refused(Errno.ENOTTY, () -> BlockDevice.size(file));
            refused(Errno.ENOTTY, () -> BlockDevice.sectorSize(file));
            assertThat(BlockDevice.discard(file, 0, 512, arena.allocate(16, 8)))
                    .isEqualTo(-Errno.ENOTTY);
        }
    }
}
