package dev.muser.testkit.devices.nvme;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.client.nvme.NvmeDriverOptions;
import dev.muser.device.DirtyLog;
import dev.muser.device.EventLoop;
import dev.muser.devices.storage.FileOptions;
import dev.muser.devices.storage.FileStorage;
import dev.muser.devices.storage.MemoryStorage;
import dev.muser.devices.storage.Storage;
import dev.muser.devices.storage.StorageInfo;
import dev.muser.devices.storage.StorageOperation;
import dev.muser.devices.storage.StorageRequest;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.BitSet;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A disk's reads are written to client memory in several ways, and all of them are logged. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SAME_THREAD)
class NvmeDirtyPagesTest {
    private static final int WRITE = 1;
    private static final int READ = 2;
    private static final int PAGE = 4096;

    /** All that the driver allocates lies below. */
    private static final long TOP = 1L << 30;

    @TempDir Path folder;

    private static DirtyLog log(Disk disk) {
        return Objects.requireNonNull(disk.device.dirtyLog());
    }

    private static BitSet report(Disk disk) {
        var bitmap = Arena.ofAuto().allocate(DirtyLog.bitmapBytes(TOP, PAGE));
        log(disk).report(0, TOP, PAGE, bitmap, 0);
        return BitSet.valueOf(bitmap.toArray(ValueLayout.JAVA_BYTE));
    }

    /** Reads whole pages into the second and third page of the data; nothing else is data. */
    private static void expectReadsLogged(Disk disk) {
        log(disk).start(PAGE, List.of());
        disk.status(WRITE, 0, 16);
        var completionsOnly = report(disk);
        assertThat(completionsOnly.cardinality()).as("pages of a write").isEqualTo(1);
        int data = (int) (disk.data().iova() / PAGE);
        assertThat(completionsOnly.get(data, data + 16).cardinality()).isZero();
        var expected = (BitSet) completionsOnly.clone();
        expected.set(data + 1, data + 3);
        assertThat(
                        disk.status(entry ->
                                Disk.transfer(entry, READ, 0, 16, disk.data().iova() + PAGE)))
                .isZero();
        assertThat(report(disk)).isEqualTo(expected);
        disk.status(WRITE, 0, 16);
        var again = report(disk);
        again.andNot(completionsOnly);
        assertThat(again.cardinality()).as("pages that are reported once more").isZero();
    }

    @Test
    void shouldLogWhatComesFromMemory() {
        try (var disk = Disk.inMemory(512, NvmeDriverOptions.DEFAULTS)) {
            expectReadsLogged(disk);
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = FileOptions.Engine.class,
            names = {"URING", "THREADS"})
    void shouldLogWhatTheSystemReadsFromAFile(FileOptions.Engine engine) throws IOException {
        var options = FileOptions.DEFAULT.withEngine(engine).withCreate(Disk.SIZE);
        var storage = FileStorage.open(folder.resolve("disk"), options);
        try (var disk = Disk.of(storage, 512, NvmeDriverOptions.DEFAULTS)) {
            expectReadsLogged(disk);
        }
    }

    /** Hands addresses to a system that takes its time. */
    private static final class SlowStorage implements Storage {
        private final StorageInfo info = new MemoryStorage(Disk.SIZE).info();
        final ArrayDeque<StorageRequest> underWay = new ArrayDeque<>();

        @Override
        public StorageInfo info() {
            return info;
        }

        @Override
        public void start(EventLoop loop) {}

        @Override
        public void submit(StorageRequest request) {
            if (request.operation() == StorageOperation.FLUSH) {
                request.complete(0); // as the driver's farewell wants
                return;
            }
            assertThat(request.pieces()).isEqualTo(1);
            underWay.add(request);
        }

        void write(int value) {
            var request = underWay.element();
            MemorySegment.ofAddress(request.pieceAddress(0))
                    .reinterpret(request.pieceLength(0))
                    .fill((byte) value);
        }

        void complete() {
            underWay.remove().complete(0);
        }

        @Override
        public void close() {}
    }

    @Test
    void shouldReportAReadForAsLongAsItIsUnderWayAndOnceMore() {
        var storage = new SlowStorage();
        try (var disk = Disk.of(storage, 512, NvmeDriverOptions.DEFAULTS)) {
            log(disk).start(PAGE, List.of());
            var pair = disk.driver.queue(0).pair();
            int page = (int) (disk.data().iova() / PAGE) + 2;
            Disk.transfer(pair.next().clear().cid(7), READ, 0, 8, disk.data().iova() + 2L * PAGE);
            pair.submit();
            disk.serveUntil(() -> !storage.underWay.isEmpty());
            var data = new BitSet();
            data.set(page);
            assertThat(report(disk)).isEqualTo(data);
            storage.write(0x55);
            assertThat(report(disk)).as("while it is under way").isEqualTo(data);
            storage.write(0xaa);
            storage.complete();
            assertThat(disk.await(1).getFirst().status()).isZero();
            assertThat(report(disk).get(page)).as("after its end").isTrue();
            assertThat(report(disk).cardinality()).isZero();
        }
    }

    @Test
    void shouldNotLogAWriteThatIsUnderWay() {
        var storage = new SlowStorage();
        try (var disk = Disk.of(storage, 512, NvmeDriverOptions.DEFAULTS)) {
            log(disk).start(PAGE, List.of());
            var pair = disk.driver.queue(0).pair();
            Disk.transfer(pair.next().clear().cid(7), WRITE, 0, 8, disk.data().iova());
            pair.submit();
            disk.serveUntil(() -> !storage.underWay.isEmpty());
            assertThat(report(disk).cardinality()).isZero();
            storage.complete();
            disk.await(1);
        }
    }
}
