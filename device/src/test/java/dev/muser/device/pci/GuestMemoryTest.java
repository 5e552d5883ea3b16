package dev.muser.device.pci;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.muser.device.DmaAccess;
import dev.muser.device.DmaCompletion;
import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import dev.muser.linux.MemoryFile;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Transfers from and to the memory of a client. */
// mappings belong to the thread that makes them
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SAME_THREAD)
class GuestMemoryTest extends GuestMemoryFixture {
    @Test
    void shouldReadAndWriteWhatTheClientShares() {
        try (var file = sealed(0x3000)) {
            memory.map(0x10_0000, 0x2000, DmaAccess.READ_WRITE, file.duplicate(), 0x1000);
            buffer.set(ValueLayout.JAVA_LONG, 0, 0x1122_3344_5566_7788L);
            assertThat(write(0x10_0ffc, 8)).isZero();
            assertThat(file.readAt(0x1ffc, buffer, 64, 8)).isEqualTo(8);
            assertThat(buffer.get(ValueLayout.JAVA_LONG, 64)).isEqualTo(0x1122_3344_5566_7788L);
            buffer.fill((byte) 0);
            assertThat(read(0x10_0ffc, 8)).isZero();
            assertThat(buffer.get(ValueLayout.JAVA_LONG, 0)).isEqualTo(0x1122_3344_5566_7788L);
        }
    }

    @Test
    void shouldReachMemoryThatIsNotSealed() {
        try (var file = MemoryFile.create(NAME, 0x1000)) {
            memory.map(0, 0x1000, DmaAccess.READ_WRITE, file.duplicate(), 0);
            buffer.set(ValueLayout.JAVA_LONG, 0, 77);
            assertThat(write(8, 8)).isZero();
            buffer.fill((byte) 0);
            assertThat(read(8, 8)).isZero();
            assertThat(buffer.get(ValueLayout.JAVA_LONG, 0)).isEqualTo(77);
            assertThat(memory.direct(8, 8, DmaAccess.READ)).isNull();
        }
    }

    @Test
    void shouldRefuseRangesThatAreNotMapped() {
        memory.map(0x1000, 0x1000, DmaAccess.READ_WRITE, sealed(0x1000), 0);
        assertThat(read(0, 8)).isEqualTo(Errno.EFAULT);
        assertThat(read(0xffc, 8)).isEqualTo(Errno.EFAULT);
        assertThat(read(0x1ffc, 8)).isEqualTo(Errno.EFAULT);
        assertThat(read(0x1000, 0x1001)).isEqualTo(Errno.EFAULT);
        assertThat(read(-4, 8)).isEqualTo(Errno.EFAULT);
        assertThat(read(0x1ff8, 8)).isZero();
        assertThat(read(0x9000, 0)).isZero();
    }

    @Test
    void shouldRefuseWhatTheMappingDoesNotAllow() {
        memory.map(0x0000, 0x1000, DmaAccess.READ, sealed(0x1000), 0);
        memory.map(0x1000, 0x1000, DmaAccess.WRITE, sealed(0x1000), 0);
        memory.map(0x2000, 0x1000, DmaAccess.NONE, null, 0);
        assertThat(write(0, 8)).isEqualTo(Errno.EACCES);
        assertThat(read(0, 8)).isZero();
        assertThat(read(0x1000, 8)).isEqualTo(Errno.EACCES);
        assertThat(write(0x1000, 8)).isZero();
        assertThat(read(0x2000, 8)).isEqualTo(Errno.EACCES);
        assertThat(write(0xffc, 8)).isEqualTo(Errno.EACCES);
    }

    @Test
    void shouldMoveNothingWhenPartOfARangeIsRefused() {
        memory.map(0, 0x1000, DmaAccess.READ_WRITE, sealed(0x1000), 0);
        memory.map(0x1000, 0x1000, DmaAccess.READ, sealed(0x1000), 0);
        buffer.fill((byte) 1);
        assertThat(write(0xff8, 16)).isEqualTo(Errno.EACCES);
        assertThat(read(0xff8, 8)).isZero();
        assertThat(buffer.get(ValueLayout.JAVA_LONG, 0)).isZero();
    }

    @Test
    void shouldNeverWriteThroughADescriptorForReading() throws Exception {
        var path = Files.createTempFile(NAME, "");
        try {
            MemoryFile.open(path, 0x1000).close();
            try (var channel = FileChannel.open(path)) {
                assertThat(channel.size()).isEqualTo(0x1000);
                long before = openNumbers(path);
                assertThat(before).isEqualTo(1);
                var readOnly = Fd.adopt(numberOf(path)).duplicate();
                refused(
                        Errno.EACCES,
                        () -> memory.map(0, 0x1000, DmaAccess.READ_WRITE, readOnly.duplicate(), 0));
                memory.map(0, 0x1000, DmaAccess.READ, readOnly.duplicate(), 0);
                assertThat(write(0, 8)).isEqualTo(Errno.EACCES);
                assertThat(read(0, 8)).isZero();
                // the same file through a descriptor that can write
                memory.map(0x1000, 0x1000, DmaAccess.READ_WRITE, MemoryFile.open(path, 0x1000), 0);
                buffer.set(ValueLayout.JAVA_LONG, 0, 5);
                assertThat(write(0x1000, 8)).isZero();
                buffer.set(ValueLayout.JAVA_LONG, 0, 0);
                assertThat(read(0, 8)).isZero();
                assertThat(buffer.get(ValueLayout.JAVA_LONG, 0)).isEqualTo(5);
                readOnly.close();
                memory.unmapAll();
                assertThat(openNumbers(path)).isEqualTo(1);
            }
        } finally {
            Files.delete(path);
        }
    }

    private static long openNumbers(Path path) {
        return ProcessMaps.descriptors(path.toString());
    }

    private static int numberOf(Path path) throws IOException {
        try (var files = Files.list(Path.of("/proc/self/fd"))) {
            for (var file : files.toList()) {
                if (Files.isSymbolicLink(file)
                        && Files.exists(file)
                        && Files.readSymbolicLink(file).equals(path)) {
                    return Integer.parseInt(file.getFileName().toString());
                }
            }
        }
        throw new AssertionError(path + " is not open");
    }

    @Test
    void shouldGiveTheBytesThemselvesOnlyWhereTheyAreSafe() {
        memory.map(0, 0x2000, DmaAccess.READ_WRITE, sealed(0x2000), 0);
        memory.map(0x2000, 0x1000, DmaAccess.READ, sealed(0x1000), 0);
        memory.map(0x3000, 0x1000, DmaAccess.READ_WRITE, null, 0);
        var segment = memory.direct(0x10, 0x20, DmaAccess.READ_WRITE);
        assertThat(segment).isNotNull().returns(0x20L, MemorySegment::byteSize);
        assertThat(memory.direct(0x10, 0x20, DmaAccess.READ))
                .isNotNull()
                .returns(true, MemorySegment::isReadOnly);
        assertThat(memory.direct(0x2000, 8, DmaAccess.READ)).isNotNull();
        assertThat(memory.direct(0x2000, 8, DmaAccess.WRITE)).isNull();
        assertThat(memory.direct(0x1ff8, 16, DmaAccess.READ)).isNull();
        assertThat(memory.direct(0x3000, 8, DmaAccess.READ)).isNull();
        assertThat(memory.direct(0x9000, 8, DmaAccess.READ)).isNull();
        assertThat(memory.direct(0, -1, DmaAccess.READ)).isNull();
        memory.unmap(0, 0x2000);
        if (segment != null) {
            assertThatIllegalStateException()
                    .isThrownBy(() -> segment.get(ValueLayout.JAVA_BYTE, 0));
        }
    }

    @Test
    void shouldAskTheClientForMemoryThatItDoesNotShare() {
        var port = new FakePort(0x1000);
        memory.attach(port);
        memory.map(0, 0x1000, DmaAccess.READ_WRITE, null, 0);
        port.memory[0x10] = 33;
        var outcome = new Outcome();
        memory.read(0x10, buffer.asSlice(0, 4), outcome);
        assertThat(outcome.errno()).isEqualTo(Outcome.PENDING);
        port.answer();
        assertThat(outcome.errno()).isZero();
        assertThat(buffer.get(ValueLayout.JAVA_BYTE, 0)).isEqualTo((byte) 33);
        port.failWith(Errno.EPERM);
        var failed = new Outcome();
        memory.write(0, buffer.asSlice(0, 4), failed);
        port.answer();
        assertThat(failed.errno()).isEqualTo(Errno.EPERM);
    }

    @Test
    void shouldSplitARangeThatCrossesMappingsOfBothKinds() {
        var port = new FakePort(0x3000);
        memory.attach(port);
        try (var file = sealed(0x1000)) {
            memory.map(0x0000, 0x1000, DmaAccess.READ_WRITE, null, 0);
            memory.map(0x1000, 0x1000, DmaAccess.READ_WRITE, file.duplicate(), 0);
            memory.map(0x2000, 0x1000, DmaAccess.READ_WRITE, null, 0);
            for (int i = 0; i < 0x2000; i++) {
                buffer.set(ValueLayout.JAVA_BYTE, i, (byte) (i * 31));
            }
            var outcome = new Outcome();
            memory.write(0x800, buffer.asSlice(0, 0x2000), outcome);
            assertThat(outcome.errno()).isEqualTo(Outcome.PENDING);
            assertThat(port.pending()).isEqualTo(2);
            port.answer();
            assertThat(outcome.errno()).isZero();
            var back = new Outcome();
            var copy = buffer.asSlice(0x4000, 0x2000);
            memory.read(0x800, copy, back);
            port.answer();
            assertThat(back.errno()).isZero();
            assertThat(copy.mismatch(buffer.asSlice(0, 0x2000))).isEqualTo(-1);
            port.failWith(Errno.EIO);
            var failed = new Outcome();
            memory.read(0x800, copy, failed);
            port.answer();
            assertThat(failed.errno()).isEqualTo(Errno.EIO);
        }
    }

    @Test
    void shouldEndTransfersUnderWayWhenTheClientIsGone() {
        var port = new FakePort(0x1000);
        memory.attach(port);
        memory.map(0, 0x1000, DmaAccess.READ_WRITE, null, 0);
        var first = new Outcome();
        var second = new Outcome();
        memory.read(0, buffer.asSlice(0, 4), first);
        memory.read(8, buffer.asSlice(8, 4), second);
        var again = new Outcome();
        memory.write(
                0, buffer.asSlice(16, 4), errno -> memory.read(0, buffer.asSlice(16, 4), again));
        memory.detach();
        assertThat(first.errno()).isEqualTo(Errno.ECONNRESET);
        assertThat(second.errno()).isEqualTo(Errno.ECONNRESET);
        assertThat(again.errno()).isEqualTo(Errno.ECONNRESET);
        port.answer(); // too late: counted by Outcome
        assertThat(first.errno()).isEqualTo(Errno.ECONNRESET);
        assertThat(memory.mappings()).isZero();
        assertThat(read(0, 4)).isEqualTo(Errno.EFAULT);
    }

    @Test
    void shouldAllocateNothingForCopiesOfSharedMemory() {
        memory.map(0, 0x2000, DmaAccess.READ_WRITE, sealed(0x2000), 0);
        memory.map(0x10000, 0x2000, DmaAccess.READ_WRITE, MemoryFile.create(NAME, 0x2000), 0);
        var small = buffer.asSlice(0, 64);
        var errors = new int[1];
        DmaCompletion completion = errno -> errors[0] |= errno;
        Runnable loop =
                () -> {
                    for (int i = 0; i < 250_000; i++) {
                        long at = i & 0xfff;
                        memory.read(at, small, completion);
                        memory.write(at + 64, small, completion);
                        memory.read(0x10000 + at, small, completion);
                        memory.write(0x10000 + at, small, completion);
                    }
                };
        assertThat(Allocation.of(loop)).isZero();
        assertThat(errors[0]).isZero();
    }
}
