package dev.muser.devices.storage;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.muser.linux.DiskFile;
import dev.muser.linux.Fd;
import dev.muser.linux.MemoryFile;
import dev.muser.service.LocalStore;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Storages that one process leaves and another takes. */
class KeptStorageTest {
    private static final int SIZE = 1 << 20;

    private final LocalStore store = new LocalStore();

    @TempDir Path folder;
    private Path image = Path.of("");

    @BeforeEach
    void makeImage() throws IOException {
        image = folder.resolve("a.img");
        Files.write(image, new byte[SIZE]);
    }

    @AfterEach
    void closeStore() {
        store.close();
    }

    private static byte[] read(Storage storage, long offset, int length) {
        var bytes = MemorySegment.ofArray(new byte[length]);
        storage.submit(new TestRequest(StorageOperation.READ, offset, bytes));
        return bytes.toArray(JAVA_BYTE);
    }

    private static void write(Storage storage, long offset, int length, int value) {
        var bytes = MemorySegment.ofArray(new byte[length]).fill((byte) value);
        storage.submit(new TestRequest(StorageOperation.WRITE, offset, bytes));
    }

    @Test
    void shouldKeepMemory() {
        try (var first = new MemoryStorage(SIZE, store)) {
            write(first, 4096, 512, 7);
            try (var second = new MemoryStorage(SIZE, store)) { // while the first is still there
                assertThat(read(second, 4096, 512)).containsOnly(7);
            }
        }
        try (var third = new MemoryStorage(SIZE, store)) {
            assertThat(read(third, 4096, 512)).containsOnly(7);
            assertThat(read(third, 0, 4096)).containsOnly(0);
            third.forget();
        }
        assertThat(store.names()).isEmpty();
    }

    @Test
    void shouldSayThatKeptMemoryHasAnotherSize() {
        new MemoryStorage(SIZE, store).close();
        assertThatThrownBy(() -> new MemoryStorage(2 * SIZE, store))
                .isInstanceOf(StorageException.class)
                .hasMessageContaining("has 1048576 bytes, not 2097152");
    }

    @Test
    void shouldRefuseMemoryThatCouldShrink() {
        try (var other = MemoryFile.create("other", SIZE)) {
            store.put("memory", other);
        }
        assertThatThrownBy(() -> new MemoryStorage(SIZE, store))
                .isInstanceOf(StorageException.class)
                .hasMessageContaining("is none");
    }

    private static void assertLocked(Path path) {
        assertThatThrownBy(() -> FileStorage.open(path, FileOptions.DEFAULT))
                .isInstanceOf(StorageException.class)
                .hasMessageContaining("is locked");
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void shouldKeepTheLockOfAnImage(boolean direct) {
        var options = FileOptions.DEFAULT.withDirect(direct);
        FileStorage.open(image, options, store).close();
        assertLocked(image);
        var second = FileStorage.open(image, options, store);
        assertLocked(image);
        second.forget();
        second.close();
        assertThat(store.names()).isEmpty();
        FileStorage.open(image, options).close();
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void shouldNotTakeALockThatWasGivenUp(boolean direct) {
        var first = FileStorage.open(image, FileOptions.DEFAULT, store);
        first.handOver();
        first.close();
        try (var other = FileStorage.open(image, FileOptions.DEFAULT);
                var second =
                        FileStorage.open(image, FileOptions.DEFAULT.withDirect(direct), store)) {
            assertThat(other.info().size()).isEqualTo(second.info().size());
            assertThatThrownBy(second::takeOver).hasMessageContaining("is locked");
        }
        try (var third = FileStorage.open(image, FileOptions.DEFAULT.withDirect(direct), store)) {
            third.takeOver();
            assertLocked(image);
        }
        assertLocked(image);
    }

    @Test
    void shouldGoOnWithTheFileThatItHadAndNotWithItsName() throws IOException {
        FileStorage.open(image, FileOptions.DEFAULT, store).close();
        Files.move(image, folder.resolve("moved.img"));
        Files.write(image, new byte[2 * SIZE]);
        try (var second = FileStorage.open(image, FileOptions.DEFAULT, store)) {
            assertThat(second.info().size()).isEqualTo(SIZE);
        }
    }

    @Test
    void shouldOpenTheImageAnewWhenTheOperatorWantsItInAnotherWay() {
        FileStorage.open(image, FileOptions.DEFAULT, store).close();
        var readOnly = FileOptions.DEFAULT.withReadOnly(true);
        try (var second = FileStorage.open(image, readOnly, store)) {
            assertThat(second.info().readOnly()).isTrue();
            assertThat(store.names()).hasSize(1);
            FileStorage.open(image, readOnly).close(); // shared now
        }
    }

    @Test
    void shouldSayThatWhatIsKeptIsNoImage() throws IOException {
        FileStorage.open(image, FileOptions.DEFAULT, store).close();
        var name = store.names().iterator().next();
        try (var pipe = DiskFile.open(Path.of("/dev/null"), DiskFile.READ_WRITE)) {
            store.put(name, pipe);
        }
        assertThatThrownBy(() -> FileStorage.open(image, FileOptions.DEFAULT, store))
                .isInstanceOf(StorageException.class)
                .hasMessageContaining("a.img is neither");
    }

    /** As io_uring has, of a process that is gone. */
    @Test
    void shouldWaitForCallsOfTheProcessBefore() {
        FileStorage.open(image, FileOptions.DEFAULT, store).close();
        var name = store.names().iterator().next();
        long mark = Long.parseUnsignedLong(name.substring(name.lastIndexOf('.') + 1), 16);
        Fd call = DiskFile.open(image, DiskFile.READ_WRITE);
        DiskFile.mark(call, mark);
        try (var look = DiskFile.open(image, DiskFile.READ_ONLY)) {
            assertThat(DiskFile.isMarked(look, mark)).isTrue();
        }
        var opened =
                CompletableFuture.supplyAsync(
                        () -> FileStorage.open(image, FileOptions.DEFAULT, store));
        assertThat(opened).isNotDone();
        call.close();
        try (var second = opened.join();
                var look = DiskFile.open(image, DiskFile.READ_ONLY)) {
            assertThat(second.info().size()).isEqualTo(SIZE);
            assertThat(DiskFile.isMarked(look, mark)).as("its own").isTrue();
        }
        try (var look = DiskFile.open(image, DiskFile.READ_ONLY)) {
            assertThat(DiskFile.isMarked(look, mark)).isFalse();
        }
    }
}
