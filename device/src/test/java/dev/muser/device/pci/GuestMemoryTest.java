package dev.muser.device.pci;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.muser.device.DmaAccess;
import dev.muser.device.VfioException;
import dev.muser.linux.Errno;
import dev.muser.linux.EventFd;
import dev.muser.linux.Fd;
import dev.muser.linux.MemoryFile;
import dev.muser.linux.Pipe;
import dev.muser.linux.UnixSocket;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Mapping, unmapping and single transfers. */
// mappings belong to the thread that makes them
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SAME_THREAD)
class GuestMemoryTest {
    private static final String NAME = "guest-memory-test";

    private final Arena arena = Arena.ofConfined();
    private final MemorySegment buffer = arena.allocate(0x10000, 8);
    private final GuestMemory memory = new GuestMemory(64, 8L << 40);

    @AfterEach
    void shouldLeaveNothingOpenOrMapped() {
        memory.detach();
        arena.close();
        assertThat(ProcessMaps.of(NAME)).isZero();
        assertThat(ProcessMaps.descriptors(NAME)).isZero();
    }

    private static Fd sealed(long size) {
        var file = MemoryFile.create(NAME, size);
        MemoryFile.seal(file, MemoryFile.SEAL_SHRINK);
        return file;
    }

    private void refused(int errno, Runnable call) {
        assertThatExceptionOfType(VfioException.class)
                .isThrownBy(call::run)
                .returns(errno, VfioException::errno);
    }

    private int read(long iova, long length) {
        var outcome = new Outcome();
        memory.read(iova, buffer.asSlice(0, length), outcome);
        return outcome.errno();
    }

    private int write(long iova, long length) {
        var outcome = new Outcome();
        memory.write(iova, buffer.asSlice(0, length), outcome);
        return outcome.errno();
    }

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
        var path = java.nio.file.Files.createTempFile(NAME, "");
        try {
            MemoryFile.open(path, 0x1000).close();
            try (var channel = java.nio.channels.FileChannel.open(path)) {
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
            java.nio.file.Files.delete(path);
        }
    }

    private static long openNumbers(java.nio.file.Path path) {
        return ProcessMaps.descriptors(path.toString());
    }

    private static int numberOf(java.nio.file.Path path) throws java.io.IOException {
        try (var files = java.nio.file.Files.list(java.nio.file.Path.of("/proc/self/fd"))) {
            for (var file : files.toList()) {
                if (java.nio.file.Files.isSymbolicLink(file)
                        && java.nio.file.Files.exists(file)
                        && java.nio.file.Files.readSymbolicLink(file).equals(path)) {
                    return Integer.parseInt(file.getFileName().toString());
                }
            }
        }
        throw new AssertionError(path + " is not open");
    }

    @Test
    void shouldRefuseRangesThatCannotBe() {
        refused(Errno.EINVAL, () -> memory.map(0, 0, DmaAccess.READ, null, 0));
        refused(Errno.EINVAL, () -> memory.map(-0x1000, 0x1001, DmaAccess.READ, null, 0));
        refused(Errno.ENOSPC, () -> memory.map(0, (8L << 40) + 1, DmaAccess.READ, null, 0));
        refused(Errno.ENOSPC, () -> memory.map(0x1000, -1, DmaAccess.READ, null, 0));
        memory.map(-0x1000, 0x1000, DmaAccess.READ, null, 0);
        memory.map(0, 8L << 40, DmaAccess.READ, null, 0);
        assertThat(memory.mappings()).isEqualTo(2);
    }

    @Test
    void shouldAcceptTheSameMappingAgainAndRefuseOverlaps() {
        try (var file = sealed(0x4000);
                var other = sealed(0x4000)) {
            memory.map(0x1000, 0x2000, DmaAccess.READ, file.duplicate(), 0x1000);
            memory.map(0x1000, 0x2000, DmaAccess.READ, file.duplicate(), 0x1000);
            assertThat(memory.mappings()).isEqualTo(1);
            var differing = new ArrayList<Runnable>();
            differing.add(
                    () -> memory.map(0x1000, 0x2000, DmaAccess.READ, file.duplicate(), 0x2000));
            differing.add(
                    () -> memory.map(0x1000, 0x2000, DmaAccess.READ, other.duplicate(), 0x1000));
            differing.add(() ->
                    memory.map(0x1000, 0x2000, DmaAccess.READ_WRITE, file.duplicate(), 0x1000));
            differing.add(() -> memory.map(0x1000, 0x2000, DmaAccess.READ, null, 0));
            differing.add(() -> memory.map(0, 0x1001, DmaAccess.READ, null, 0));
            differing.add(() -> memory.map(0x2fff, 1, DmaAccess.READ, null, 0));
            differing.add(() -> memory.map(0, 0x10000, DmaAccess.READ, null, 0));
            differing.add(() -> memory.map(0x1800, 0x10, DmaAccess.READ, null, 0));
            for (var call : differing) {
                refused(Errno.EEXIST, call);
            }
            memory.map(0, 0x1000, DmaAccess.READ, null, 0);
            memory.map(0, 0x1000, DmaAccess.READ, null, 0);
            memory.map(0x3000, 1, DmaAccess.READ, null, 0);
            memory.unmap(0x1000, 0x2000);
        }
    }

    @Test
    void shouldRefuseMoreMappingsThanTheDeviceAllows() {
        for (int i = 0; i < 64; i++) {
            memory.map(i * 0x1000L, 0x1000, DmaAccess.READ, null, 0);
        }
        refused(Errno.EINVAL, () -> memory.map(0x100_0000, 0x1000, DmaAccess.READ, null, 0));
        memory.unmap(0, 0x1000);
        memory.map(0x100_0000, 0x1000, DmaAccess.READ, null, 0);
    }

    @Test
    void shouldRefuseFilesThatAreTooShort() {
        refused(Errno.EINVAL, () -> memory.map(0, 0x1001, DmaAccess.READ, sealed(0x1000), 0));
        refused(Errno.EINVAL, () -> memory.map(0, 0x1000, DmaAccess.READ, sealed(0x1000), 1));
        refused(Errno.EINVAL, () -> memory.map(0, 0x1000, DmaAccess.READ, sealed(0x1000), -0x1000));
        refused(
                Errno.EINVAL,
                () -> memory.map(0, 1, DmaAccess.READ, sealed(0x1000), Long.MAX_VALUE));
        assertThat(memory.mappings()).isZero();
    }

    @Test
    void shouldRefuseDescriptorsThatAreNotMemory() throws Exception {
        refused(Errno.ENODEV, () -> memory.map(0, 8, DmaAccess.READ, EventFd.create(), 0));
        try (var pipe = Pipe.create()) {
            refused(
                    Errno.ENODEV,
                    () -> memory.map(0, 8, DmaAccess.READ, pipe.source().duplicate(), 0));
        }
        var pair = UnixSocket.pair();
        try (var other = pair[1]) {
            refused(Errno.ENODEV, () -> memory.map(0, 8, DmaAccess.READ, pair[0].fd(), 0));
            assertThat(pair[0].fd().isOpen()).isFalse();
            assertThat(other.fd().isOpen()).isTrue();
        }
    }

    @Test
    void shouldAcceptUnalignedRanges() {
        try (var file = sealed(0x1000)) {
            memory.map(0x777, 0x123, DmaAccess.READ_WRITE, file.duplicate(), 0x345);
            buffer.set(ValueLayout.JAVA_BYTE, 0, (byte) 42);
            assertThat(write(0x777 + 0x122, 1)).isZero();
            assertThat(file.readAt(0x345 + 0x122, buffer, 8, 1)).isEqualTo(1);
            assertThat(buffer.get(ValueLayout.JAVA_BYTE, 8)).isEqualTo((byte) 42);
            assertThat(read(0x777 + 0x123, 1)).isEqualTo(Errno.EFAULT);
        }
    }

    @Test
    void shouldUnmapWholeMappingsOnly() {
        memory.map(0x1000, 0x2000, DmaAccess.READ, sealed(0x2000), 0);
        refused(Errno.ENOENT, () -> memory.unmap(0x1000, 0x1000));
        refused(Errno.ENOENT, () -> memory.unmap(0x2000, 0x1000));
        refused(Errno.ENOENT, () -> memory.unmap(0, 0x4000));
        assertThat(read(0x1000, 8)).isZero();
        memory.unmap(0x1000, 0x2000);
        assertThat(read(0x1000, 8)).isEqualTo(Errno.EFAULT);
        refused(Errno.ENOENT, () -> memory.unmap(0x1000, 0x2000));
    }

    @Test
    void shouldMapAFileOnceForAllItsRegions() {
        try (var file = sealed(0x100_0000)) {
            for (int i = 0; i < 64; i++) {
                memory.map(
                        0x1_0000_0000L + i * 0x2000L,
                        0x1000,
                        DmaAccess.READ_WRITE,
                        file.duplicate(),
                        i * 0x1000L);
            }
            assertThat(ProcessMaps.of(NAME)).isEqualTo(1);
            for (int i = 0; i < 63; i++) {
                memory.unmap(0x1_0000_0000L + i * 0x2000L, 0x1000);
            }
            assertThat(ProcessMaps.of(NAME)).isEqualTo(1);
            memory.unmap(0x1_0000_0000L + 63 * 0x2000L, 0x1000);
            assertThat(ProcessMaps.of(NAME)).isZero();
        }
    }

    @Test
    void shouldMapAGrownFileAnewAndKeepWhatItsOldRegionsHave() {
        try (var file = sealed(0x1000)) {
            memory.map(0, 0x1000, DmaAccess.READ_WRITE, file.duplicate(), 0);
            var segment = memory.direct(0, 8, DmaAccess.READ_WRITE);
            assertThat(segment).isNotNull();
            MemoryFile.resize(file, 0x2000);
            memory.map(0x1000, 0x1000, DmaAccess.READ_WRITE, file.duplicate(), 0x1000);
            memory.map(0x2000, 0x1000, DmaAccess.READ_WRITE, file.duplicate(), 0);
            if (segment != null) {
                segment.set(ValueLayout.JAVA_LONG, 0, 99);
            }
            assertThat(read(0x2000, 8)).isZero();
            assertThat(buffer.get(ValueLayout.JAVA_LONG, 0)).isEqualTo(99);
            assertThat(ProcessMaps.of(NAME)).isEqualTo(2);
            memory.unmap(0, 0x1000);
            assertThat(ProcessMaps.of(NAME)).isEqualTo(1);
        }
    }

    @Test
    void shouldMapOnlyTheRangeOfAHugeFile() {
        long offset = (1L << 40) + 0x1234;
        try (var file = sealed((1L << 40) + 0x10000)) {
            memory.map(0, 0x2000, DmaAccess.READ_WRITE, file.duplicate(), offset);
            buffer.set(ValueLayout.JAVA_LONG, 0, 7);
            assertThat(write(0x1ff8, 8)).isZero();
            assertThat(file.readAt(offset + 0x1ff8, buffer, 8, 8)).isEqualTo(8);
            assertThat(buffer.get(ValueLayout.JAVA_LONG, 8)).isEqualTo(7);
        }
    }

    @Test
    void shouldStopAClientThatWouldUseUpTheProcessesMappings() {
        var many = new GuestMemory(100_000, 8L << 40);
        try {
            int mapped = 0;
            int errno = 0;
            while (errno == 0 && mapped < 10_000) {
                try {
                    many.map(mapped * 0x1000L, 0x1000, DmaAccess.READ, sealed(0x1000), 0);
                    mapped++;
                } catch (VfioException e) {
                    errno = e.errno();
                }
            }
            assertThat(errno).isEqualTo(Errno.ENOMEM);
            assertThat(mapped).isEqualTo(4096);
            many.unmapAll();
            many.map(0, 0x1000, DmaAccess.READ, sealed(0x1000), 0);
        } finally {
            many.detach();
        }
    }

    @Test
    void shouldStopAClientThatWouldUseUpTheProcessesAddresses() {
        for (int i = 0; i < 32; i++) {
            memory.map(i * 0x1000L, 0x1000, DmaAccess.READ, sealed(1L << 40), 0);
        }
        refused(
                Errno.ENOMEM,
                () -> memory.map(0x100_0000, 0x1000, DmaAccess.READ, sealed(1L << 40), 0));
        memory.unmap(0, 0x1000);
        memory.map(0x100_0000, 0x1000, DmaAccess.READ, sealed(1L << 40), 0);
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
    void shouldTellBeforeMemoryGoesAndAfterItHasCome() {
        var log = new ArrayList<String>();
        var usable = new AtomicLong();
        memory.listener(
                new GuestMemory.Listener() {
                    @Override
                    public void mapped(long iova, long size, DmaAccess access) {
                        log.add("mapped %x %x %s".formatted(iova, size, access));
                        usable.addAndGet(read(iova, 8));
                    }

                    @Override
                    public void unmapping(long iova, long size) {
                        log.add("unmapping %x %x".formatted(iova, size));
                        usable.addAndGet(read(iova, 8));
                    }
                });
        memory.map(0x1000, 0x1000, DmaAccess.READ, sealed(0x1000), 0);
        memory.map(0x3000, 0x1000, DmaAccess.READ, sealed(0x1000), 0);
        memory.map(0x5000, 0x1000, DmaAccess.READ, sealed(0x1000), 0);
        refused(Errno.ENOENT, () -> memory.unmap(0, 1));
        memory.unmap(0x3000, 0x1000);
        memory.unmapAll();
        assertThat(log)
                .containsExactly(
                        "mapped 1000 1000 READ",
                        "mapped 3000 1000 READ",
                        "mapped 5000 1000 READ",
                        "unmapping 3000 1000",
                        "unmapping 1000 1000",
                        "unmapping 5000 1000");
        assertThat(usable.get()).isZero();
    }

    @Test
    void shouldUnmapEvenWhenTheDeviceFails() {
        memory.map(0x1000, 0x1000, DmaAccess.READ, sealed(0x1000), 0);
        memory.map(0x3000, 0x1000, DmaAccess.READ, sealed(0x1000), 0);
        memory.listener(
                new GuestMemory.Listener() {
                    @Override
                    public void mapped(long iova, long size, DmaAccess access) {}

                    @Override
                    public void unmapping(long iova, long size) {
                        throw new IllegalStateException("device");
                    }
                });
        assertThatIllegalStateException().isThrownBy(() -> memory.unmap(0x1000, 0x1000));
        assertThat(memory.mappings()).isEqualTo(1);
        assertThatIllegalStateException().isThrownBy(memory::unmapAll);
        assertThat(memory.mappings()).isZero();
        assertThat(ProcessMaps.of(NAME)).isZero();
    }

    @Test
    void shouldAllocateNothingForCopiesOfSharedMemory() {
        memory.map(0, 0x2000, DmaAccess.READ_WRITE, sealed(0x2000), 0);
        memory.map(0x10000, 0x2000, DmaAccess.READ_WRITE, MemoryFile.create(NAME, 0x2000), 0);
        var small = buffer.asSlice(0, 64);
        var errors = new int[1];
        dev.muser.device.DmaCompletion completion = errno -> errors[0] |= errno;
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
