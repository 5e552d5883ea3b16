package dev.muser.device.pci;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.muser.device.DmaAccess;
import dev.muser.device.VfioException;
import dev.muser.linux.Errno;
import dev.muser.linux.EventFd;
import dev.muser.linux.MemoryFile;
import dev.muser.linux.Pipe;
import dev.muser.linux.UnixSocket;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What a client can map, and what it cannot. */
// mappings belong to the thread that makes them
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SAME_THREAD)
class GuestMemoryMappingTest extends GuestMemoryFixture {
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
    void shouldUnmapAllMappingsInARange() {
        for (long iova : new long[] {0x1000, 0x2000, 0x4000, 0x6000}) {
            memory.map(iova, 0x1000, DmaAccess.READ, sealed(0x1000), 0);
        }
        refused(Errno.ENOENT, () -> memory.unmap(0x1000, 0x3800));
        refused(Errno.ENOENT, () -> memory.unmap(0x1800, 0x4000));
        assertThat(memory.mappings()).isEqualTo(4);
        memory.unmap(0, 0x6000);
        assertThat(memory.mappings()).isOne();
        assertThat(read(0x4000, 8)).isEqualTo(Errno.EFAULT);
        assertThat(read(0x6000, 8)).isZero();
        memory.map(-0x1000, 0x1000, DmaAccess.READ, sealed(0x1000), 0);
        memory.unmap(0x5000, -0x5000);
        assertThat(memory.mappings()).isZero();
    }

    @Test
    void shouldUnmapWholeMappingsOnly() {
        memory.map(0x1000, 0x2000, DmaAccess.READ, sealed(0x2000), 0);
        refused(Errno.ENOENT, () -> memory.unmap(0x1000, 0x1000));
        refused(Errno.ENOENT, () -> memory.unmap(0x2000, 0x1000));
        refused(Errno.ENOENT, () -> memory.unmap(0, 0x2000));
        refused(Errno.ENOENT, () -> memory.unmap(0x1000, 0));
        refused(Errno.ENOENT, () -> memory.unmap(0x1000, -0x800));
        refused(Errno.ENOENT, () -> memory.unmap(0x3000, 0x1000));
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

    /** Three of them used to take all that the process maps. */
    @Test
    void shouldLeaveAddressesToOthersHoweverManyClientsTakeWhatTheyCan() {
        var greedy = new ArrayList<GuestMemory>();
        try {
            for (int client = 0; client < 5; client++) {
                var each = new GuestMemory(64, 8L << 40);
                greedy.add(each);
                int errno = 0;
                for (int i = 0; i < 33 && errno == 0; i++) {
                    try {
                        each.map(i * 0x1000L, 0x1000, DmaAccess.READ, sealed(1L << 40), 0);
                    } catch (VfioException e) {
                        errno = e.errno();
                    }
                }
                assertThat(errno).isEqualTo(Errno.ENOMEM);
            }
            memory.map(0, 64L << 30, DmaAccess.READ_WRITE, sealed(64L << 30), 0);
        } finally {
            greedy.forEach(GuestMemory::detach);
        }
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
}
