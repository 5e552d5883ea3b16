package dev.muser.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(DescriptorLeaks.class)
class FdTest {

    @Test
    void shouldCloseOnceAndNeverReachANumberThatIsGivenOutAgain() {
        var first = EventFd.create();
        int number = first.number();
        first.close();
        try (var second = Fd.adopt(EventFd.create().release())) {
            assertThat(second.number()).isEqualTo(number);
            first.close();
            assertThat(EventFd.take(second)).isEqualTo(-Errno.EAGAIN);
            assertThat(first.isOpen()).isFalse();
            assertThatIllegalStateException().isThrownBy(first::number);
            assertThatIllegalStateException().isThrownBy(first::release);
            assertThatIllegalStateException().isThrownBy(first::duplicate);
        }
    }

    @Test
    void shouldCloseOnceWhenManyThreadsClose() throws InterruptedException {
        for (int round = 0; round < 200; round++) {
            var fd = EventFd.create();
            int number = fd.number();
            var start = new CountDownLatch(1);
            Runnable closer =
                    () -> {
                        try {
                            start.await();
                        } catch (InterruptedException e) {
                            throw new IllegalStateException(e);
                        }
                        fd.close();
                    };
            var a = Thread.ofPlatform().start(closer);
            var b = Thread.ofPlatform().start(closer);
            start.countDown();
            a.join();
            b.join();
            assertThat(DescriptorLeaks.open()).doesNotContainKey(number);
        }
    }

    @Test
    void shouldDuplicateForTheSameOpenFile() {
        var fd = EventFd.create();
        try (var copy = fd.duplicate()) {
            assertThat(copy.number()).isNotEqualTo(fd.number());
            EventFd.signal(fd);
            fd.close();
            assertThat(EventFd.take(copy)).isEqualTo(1);
        }
    }

    @Test
    void shouldRefuseToAdoptWhatIsNotOpen() {
        assertThatExceptionOfType(SyscallException.class)
                .isThrownBy(() -> Fd.adopt(1_000_000))
                .returns(Errno.EBADF, SyscallException::errno)
                .withMessageContaining("1000000");
        assertThatExceptionOfType(SyscallException.class).isThrownBy(() -> Fd.adopt(-1));
    }

    @Test
    void shouldReadAndWriteAtPositions() {
        try (var arena = Arena.ofConfined();
                var file = MemoryFile.create("fd-test", 0x1000)) {
            var buffer = arena.allocate(16, 8);
            buffer.set(ValueLayout.JAVA_LONG, 8, 0x1122_3344_5566_7788L);
            assertThat(file.writeAt(100, buffer, 8, 8)).isEqualTo(8);
            assertThat(file.readAt(100, buffer, 0, 4)).isEqualTo(4);
            assertThat(buffer.get(ValueLayout.JAVA_INT, 0)).isEqualTo(0x5566_7788);
            assertThat(file.readAt(0x1000, buffer, 0, 8)).isZero();
            assertThat(file.write(buffer, 8, 8)).isEqualTo(8);
            assertThat(file.readAt(0, buffer, 0, 8)).isEqualTo(8);
            assertThat(buffer.get(ValueLayout.JAVA_LONG, 0)).isEqualTo(0x1122_3344_5566_7788L);
            assertThat(file.read(buffer, 0, 8)).isEqualTo(8);
            assertThat(buffer.get(ValueLayout.JAVA_LONG, 0)).isZero();
        }
    }

    @Test
    void shouldNotHandTheKernelABufferThatIsNotThere() {
        var closed = Arena.ofConfined();
        var gone = closed.allocate(8);
        closed.close();
        try (var fd = EventFd.create();
                var arena = Arena.ofConfined()) {
            var buffer = arena.allocate(8);
            assertThatIllegalStateException().isThrownBy(() -> fd.read(gone, 0, 8));
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> fd.read(MemorySegment.ofArray(new byte[8]), 0, 8));
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> fd.read(buffer.asReadOnly(), 0, 8));
            assertThatExceptionOfType(IndexOutOfBoundsException.class)
                    .isThrownBy(() -> fd.read(buffer, 4, 8));
            assertThatExceptionOfType(IndexOutOfBoundsException.class)
                    .isThrownBy(() -> fd.write(buffer, -1, 4));
        }
    }

    @Test
    void shouldSwitchBlockingAndInheritance() throws Exception {
        try (var fd = EventFd.create()) {
            assertThat(info(fd)).contains("02004002"); // O_CLOEXEC | O_NONBLOCK | O_RDWR
            fd.nonBlocking(false);
            fd.inheritable(true);
            assertThat(info(fd)).contains("flags:\t02\n");
            fd.nonBlocking(true);
            fd.inheritable(false);
            assertThat(info(fd)).contains("02004002");
        }
    }

    private static String info(Fd fd) throws IOException {
        return Files.readString(Path.of("/proc/self/fdinfo/" + fd.number()));
    }

    @Test
    void shouldCloseDuplicatesOnExec() throws Exception {
        try (var fd = EventFd.create()) {
            fd.inheritable(true);
            try (var copy = fd.duplicate()) {
                assertThat(info(copy)).contains("02004002");
            }
        }
    }

    @Test
    void shouldDescribeItself() {
        var fd = EventFd.create();
        assertThat(fd).hasToString("fd " + fd.number());
        fd.close();
        assertThat(fd).hasToString("fd closed");
    }

    @Test
    void shouldNameErrors() {
        assertThat(Errno.name(Errno.EINVAL)).isEqualTo("EINVAL");
        assertThat(Errno.describe(Errno.ENOSPC)).isEqualTo("ENOSPC (no space left)");
        assertThat(Errno.name(200)).isEqualTo("errno 200");
        assertThat(Errno.describe(200)).isEqualTo("errno 200");
        assertThat(new SyscallException("bind x", Errno.EACCES))
                .hasMessage("bind x: EACCES (permission denied)")
                .returns("bind x", SyscallException::call)
                .returns(Errno.EACCES, SyscallException::errno);
    }

    @Test
    void shouldOpenAFileAgainForReadingOnly() {
        try (var arena = Arena.ofConfined();
                var memory = MemoryFile.create("state", 16)) {
            var buffer = arena.allocate(8);
            buffer.set(ValueLayout.JAVA_BYTE, 0, (byte) 77);
            assertThat(memory.writeAt(3, buffer, 0, 1)).isEqualTo(1);
            try (var reader = memory.reopenForReading()) {
                assertThat(reader.readAt(3, buffer, 1, 1)).isEqualTo(1);
                assertThat(buffer.get(ValueLayout.JAVA_BYTE, 1)).isEqualTo((byte) 77);
                assertThat(reader.writeAt(3, buffer, 0, 1)).isEqualTo(-Errno.EBADF);
            }
        }
    }

    @Test
    void shouldKnowHowManyAProcessMayOpen() throws IOException {
        var line =
                Files.readAllLines(Path.of("/proc/self/limits")).stream()
                        .filter(each -> each.startsWith("Max open files"))
                        .findFirst()
                        .orElseThrow();
        assertThat(line).matches("Max open files +" + OpenFiles.limit() + " .*");
    }
}
