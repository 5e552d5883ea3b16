package dev.muser.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** Each operation of the ring, its bounds, and how it tells of what is done. */
@ExtendWith(DescriptorLeaks.class)
class IoUringTest {
    private static final int SIZE = 0x4000;

    private final Arena arena = Arena.ofAuto();

    private MemorySegment filled(int length, int value) {
        return arena.allocate(length, 4096).fill((byte) value);
    }

    /** Begins what is prepared, waits for one operation, and returns its result. */
    private static int complete(IoUring ring, long token) {
        while (!ring.reap()) {
            assertThat(ring.await()).isZero();
        }
        assertThat(ring.token()).isEqualTo(token);
        return ring.result();
    }

    @Test
    void shouldBeAvailableHere() {
        assertThat(IoUring.unavailable()).isNull();
    }

    @Test
    void shouldExplainWhyItIsNot() {
        assertThat(IoUring.explain(new SyscallException("io_uring_setup", Errno.EPERM)))
                .contains("kernel.io_uring_disabled", "seccomp");
        assertThat(IoUring.explain(new SyscallException("io_uring_setup", Errno.ENOSYS)))
                .contains("kernel");
        assertThat(IoUring.explain(new SyscallException("io_uring_setup", Errno.ENOMEM)))
                .contains("limit of locked memory");
        assertThat(IoUring.explain(new SyscallException("mmap", Errno.EINVAL)))
                .isEqualTo("no io_uring: mmap: EINVAL (invalid argument)");
    }

    @Test
    void shouldRefuseImpossibleSizes() {
        try (var file = MemoryFile.create("ring", SIZE)) {
            assertThatExceptionOfType(SyscallException.class)
                    .isThrownBy(() -> IoUring.open(file, 0).close())
                    .returns(Errno.EINVAL, SyscallException::errno);
        }
    }

    @Test
    void shouldWriteAndReadOnePiece() {
        try (var file = MemoryFile.create("ring", SIZE);
                var ring = IoUring.open(file, 4)) {
            var data = filled(1000, 9);
            ring.write(500, data.address(), 1000, 0, Long.MIN_VALUE);
            assertThat(ring.prepared()).isEqualTo(1);
            assertThat(complete(ring, Long.MIN_VALUE)).isEqualTo(1000);
            ring.write(1500, data.address(), 8, DiskFile.WRITE_DURABLY, 5);
            assertThat(complete(ring, 5)).isEqualTo(8);
            data.fill((byte) 0);
            ring.read(0, data.address(), 1000, 0x1122_3344_5566_7788L);
            assertThat(complete(ring, 0x1122_3344_5566_7788L)).isEqualTo(1000);
            assertThat(data.get(JAVA_BYTE, 499)).isZero();
            assertThat(data.get(JAVA_BYTE, 500)).isEqualTo((byte) 9);
            assertThat(ring.underWay()).isZero();
            assertThat(ring.reap()).isFalse();
        }
    }

    @Test
    void shouldWriteAndReadSeveralPieces() {
        try (var file = MemoryFile.create("ring", SIZE);
                var ring = IoUring.open(file, 4)) {
            var first = filled(100, 1);
            var second = filled(200, 2);
            var vector = new IoVector(1);
            assertThat(vector.add(first.address(), 100)).isTrue();
            assertThat(vector.add(second.address(), 200)).isTrue();
            ring.write(10, vector, 0, 1);
            assertThat(complete(ring, 1)).isEqualTo(300);
            var all = filled(300, 0);
            vector.clear();
            assertThat(vector.add(all.address(), 110)).isTrue();
            assertThat(vector.add(all.address() + 110, 190)).isTrue();
            ring.read(10, vector, 2);
            assertThat(complete(ring, 2)).isEqualTo(300);
            assertThat(all.asSlice(0, 100).toArray(JAVA_BYTE)).containsOnly(1);
            assertThat(all.asSlice(100).toArray(JAVA_BYTE)).containsOnly(2);
        }
    }

    @Test
    void shouldSyncAndMakeHoles(@TempDir Path folder) throws IOException {
        var path = folder.resolve("file");
        Files.write(path, new byte[SIZE]);
        try (var file = DiskFile.open(path, DiskFile.READ_WRITE);
                var ring = IoUring.open(file, 4)) {
            ring.syncData(1);
            assertThat(complete(ring, 1)).isZero();
            assertThat(FileStatus.of(file).allocated()).isEqualTo(SIZE);
            ring.allocate(DiskFile.PUNCH_HOLE, 0, SIZE / 2, 2);
            assertThat(complete(ring, 2)).isZero();
            assertThat(FileStatus.of(file).allocated()).isEqualTo(SIZE / 2);
            ring.allocate(0, 0, SIZE, 3);
            assertThat(complete(ring, 3)).isZero();
            assertThat(FileStatus.of(file).allocated()).isEqualTo(SIZE);
            ring.discard(0, 4096, 4); // for block devices
            assertThat(complete(ring, 4)).isNegative();
        }
    }

    @Test
    void shouldTellWhatWentWrong() {
        try (var file = MemoryFile.create("ring", SIZE);
                var ring = IoUring.open(file, 4)) {
            ring.read(0, 8, 4096, 1);
            assertThat(complete(ring, 1)).isEqualTo(-Errno.EFAULT);
            ring.read(SIZE, filled(8, 0).address(), 8, 2);
            assertThat(complete(ring, 2)).isZero();
            ring.read(SIZE - 4, filled(8, 0).address(), 8, 3);
            assertThat(complete(ring, 3)).isEqualTo(4);
            ring.allocate(DiskFile.ZERO_RANGE, 0, 4096, 4); // tmpfs cannot
            assertThat(complete(ring, 4)).isEqualTo(-Errno.EOPNOTSUPP);
        }
    }

    @Test
    void shouldTakeAsManyAsItHasEntriesAgainAndAgain() {
        try (var file = MemoryFile.create("ring", SIZE);
                var ring = IoUring.open(file, 4)) {
            var data = filled(8, 1);
            assertThat(ring.entries()).isEqualTo(4);
            for (int round = 0; round < 100; round++) {
                for (int i = 0; i < 4; i++) {
                    assertThat(ring.free()).isEqualTo(4 - i);
                    ring.read(0, data.address(), 8, i);
                }
                assertThat(ring.free()).isZero();
                assertThatIllegalStateException()
                        .isThrownBy(() -> ring.read(0, data.address(), 8, 9));
                long sum = 0;
                for (int i = 0; i < 4; i++) {
                    while (!ring.reap()) {
                        assertThat(ring.await()).isZero();
                    }
                    assertThat(ring.result()).isEqualTo(8);
                    sum += 1L << ring.token();
                }
                assertThat(sum).isEqualTo(15);
            }
        }
    }

    @Test
    void shouldSignalAnEventFdUnlessToldNotTo() {
        try (var pipe = Pipe.create();
                var event = EventFd.create();
                var ring = IoUring.open(pipe.source(), 4)) {
            pipe.source().nonBlocking(false);
            var data = filled(8, 1);
            ring.notify(event);
            ring.read(-1, data.address(), 8, 1);
            assertThat(ring.submit()).isZero();
            assertThat(Poll.await(event, Poll.IN, Duration.ZERO)).isFalse();
            assertThat(pipe.sink().write(data, 0, 8)).isEqualTo(8);
            assertThat(Poll.await(event, Poll.IN, null)).isTrue();
            assertThat(complete(ring, 1)).isEqualTo(8);
            EventFd.take(event);

            ring.notify(false);
            ring.read(-1, data.address(), 8, 2);
            assertThat(ring.submit()).isZero();
            assertThat(pipe.sink().write(data, 0, 8)).isEqualTo(8);
            assertThat(complete(ring, 2)).isEqualTo(8);
            assertThat(EventFd.take(event)).isEqualTo(-Errno.EAGAIN);

            ring.notify(true);
            ring.read(-1, data.address(), 8, 3);
            assertThat(ring.submit()).isZero();
            assertThat(pipe.sink().write(data, 0, 8)).isEqualTo(8);
            assertThat(Poll.await(event, Poll.IN, null)).isTrue();
            assertThat(complete(ring, 3)).isEqualTo(8);
        }
    }

    @Test
    void shouldSayWhenTheKernelWantsToBeEntered() {
        try (var pipe = Pipe.create();
                var ring = IoUring.open(pipe.source(), 4)) {
            pipe.source().nonBlocking(false);
            var data = filled(8, 1);
            ring.read(-1, data.address(), 8, 1);
            assertThat(ring.submit()).isZero();
            assertThat(pipe.sink().write(data, 0, 8)).isEqualTo(8);
            while (!ring.reap()) {
                if (ring.wantsToBeEntered()) {
                    assertThat(ring.submit()).isZero();
                }
            }
            assertThat(ring.token()).isEqualTo(1);
        }
    }

    @Test
    void shouldBeginNoMoreThanItIsToldTo() {
        try (var file = MemoryFile.create("ring", SIZE);
                var ring = IoUring.open(file, 4)) {
            for (int i = 0; i < 3; i++) {
                ring.write(i * 8L, filled(8, i).address(), 8, 0, i);
            }
            assertThat(ring.submit(2)).isZero();
            assertThat(ring.prepared()).isEqualTo(1);
            assertThat(ring.submit(2)).isZero();
            assertThat(ring.prepared()).isZero();
            for (int i = 0; i < 3; i++) {
                while (!ring.reap()) {
                    assertThat(ring.await()).isZero();
                }
                assertThat(ring.result()).isEqualTo(8);
            }
        }
    }

    @Test
    void shouldDozeUntilSomethingCompletesOrTheTimeIsOver() {
        try (var pipe = Pipe.create();
                var ring = IoUring.open(pipe.source(), 4)) {
            pipe.source().nonBlocking(false);
            var data = filled(8, 1);
            ring.read(-1, data.address(), 8, 1);
            assertThat(ring.submit()).isZero();

            boolean can = ring.doze(1_000); // or it would sleep for ever

            assertThat(ring.reap()).isFalse();
            assertThat(pipe.sink().write(data, 0, 8)).isEqualTo(8);
            while (!ring.reap()) {
                if (!can || !ring.doze(999_999_999)) {
                    assertThat(ring.await()).isZero();
                }
            }
            assertThat(ring.token()).isEqualTo(1);
        }
    }

    @Test
    void shouldCancelWhatWaits() {
        try (var pipe = Pipe.create();
                var ring = IoUring.open(pipe.source(), 4)) {
            pipe.source().nonBlocking(false);
            ring.read(-1, filled(8, 1).address(), 8, 1);
            assertThat(ring.submit()).isZero();
            ring.cancelAll(2);
            int seen = 0;
            while (seen != 3) {
                while (!ring.reap()) {
                    assertThat(ring.await()).isZero();
                }
                seen |= (int) ring.token();
                if (ring.token() == 1) {
                    assertThat(ring.result()).isIn(-Errno.ECANCELED, -Errno.EINTR);
                }
            }
        }
    }

    @Test
    void shouldGiveTheFileBackWhenItIsClosed(@TempDir Path folder) throws IOException {
        var path = folder.resolve("file");
        Files.write(path, new byte[512]);
        for (int i = 0; i < 20; i++) {
            var file = DiskFile.open(path, DiskFile.READ_WRITE);
            var ring = IoUring.open(file, 4);
            assertThat(DiskFile.tryLock(file, true)).as("round %d", i).isTrue();
            ring.read(0, filled(512, 0).address(), 512, 1);
            assertThat(complete(ring, 1)).isEqualTo(512);
            DiskFile.unlock(file);
            file.close();
            ring.close();
            ring.close();
        }
    }

    @Test
    void shouldAllocateNothing() {
        try (var file = MemoryFile.create("ring", SIZE);
                var ring = IoUring.open(file, 8)) {
            var data = filled(4096, 1);
            var vector = new IoVector(2);
            long bytes =
                    Allocation.of(() -> {
                        for (int i = 0; i < 20_000; i++) {
                            vector.clear();
                            vector.add(data.address(), 64);
                            ring.read(0, data.address(), 64, i);
                            ring.write(64, vector, 0, i);
                            ring.notify((i & 1) != 0);
                            while (ring.underWay() > 0) {
                                ring.submit();
                                while (ring.reap()) {
                                    if (ring.result() != 64) {
                                        throw new AssertionError(ring.result());
                                    }
                                }
                            }
                        }
                    });
            assertThat(bytes).isZero();
        }
    }
}
