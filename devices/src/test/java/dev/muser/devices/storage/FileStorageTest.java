package dev.muser.devices.storage;

import static dev.muser.devices.storage.StorageOperation.DISCARD;
import static dev.muser.devices.storage.StorageOperation.READ;
import static dev.muser.devices.storage.StorageOperation.WRITE;
import static dev.muser.devices.storage.StorageOperation.ZERO;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.linux.Errno;
import dev.muser.linux.FileStatus;
import dev.muser.linux.Mapping;
import dev.muser.linux.MemoryFile;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

/** What a file does as a disk, with each of its engines. */
@ParameterizedClass
@EnumSource(
        value = FileOptions.Engine.class,
        names = {"URING", "THREADS"})
class FileStorageTest {
    private static final int SIZE = 4 << 20;

    @Parameter FileOptions.Engine engine = FileOptions.Engine.AUTO;

    private final TestLoop loop = new TestLoop();
    private final Arena arena = Arena.ofAuto();
    private final List<FileStorage> opened = new ArrayList<>();
    private List<String> before = List.of();
    private Path image = Path.of("none");

    @BeforeEach
    void createImage() throws IOException {
        before = OpenFiles.list();
        // not in /tmp, which can be memory
        image = Files.createTempFile(Files.createDirectories(Path.of("target")), "image", ".raw");
        try (var file = new RandomAccessFile(image.toFile(), "rw")) {
            file.setLength(SIZE);
        }
    }

    @AfterEach
    void leaveNothing() throws IOException {
        opened.forEach(FileStorage::close);
        Files.deleteIfExists(image);
        assertThat(loop.watched()).isZero();
        assertThat(OpenFiles.list()).containsExactlyInAnyOrderElementsOf(before);
    }

    private FileStorage open(FileOptions options) {
        return open(image, options);
    }

    private FileStorage open(Path path, FileOptions options) {
        var storage = FileStorage.open(path, options.withEngine(engine));
        opened.add(storage);
        storage.start(loop);
        assertThat(storage.engine())
                .contains(engine == FileOptions.Engine.URING ? "io_uring" : "threads");
        return storage;
    }

    private int run(FileStorage storage, TestRequest request) {
        storage.submit(request);
        storage.kick();
        loop.runUntil(request::isDone);
        return request.errno();
    }

    private MemorySegment filled(int length, int value) {
        return arena.allocate(length, 4096).fill((byte) value);
    }

    private byte[] read(FileStorage storage, long offset, int length) {
        var memory = filled(length, 0x5a);
        assertThat(run(storage, new TestRequest(READ, offset, memory))).isZero();
        return memory.toArray(JAVA_BYTE);
    }

    private long allocated() {
        try (var file = MemoryFile.open(image, SIZE)) {
            return FileStatus.of(file).allocated();
        }
    }

    /** Memory of {@code length} bytes in up to 9 pieces at any multiple of 4. */
    private MemorySegment[] pieces(Random random, int length) {
        int count = Math.min(1 + random.nextInt(9), length / 4);
        var pieces = new MemorySegment[count];
        int left = length / 4;
        for (int i = 0; i < count; i++) {
            int words = i == count - 1 ? left : 1 + random.nextInt(left - (count - 1 - i));
            left -= words;
            pieces[i] =
                    arena.allocate(words * 4L + 4, 8).asSlice(4L * random.nextInt(2), words * 4L);
        }
        return pieces;
    }

    private static void fill(MemorySegment[] pieces, byte[] data) {
        int at = 0;
        for (var piece : pieces) {
            MemorySegment.copy(data, at, piece, JAVA_BYTE, 0, (int) piece.byteSize());
            at += (int) piece.byteSize();
        }
    }

    private static byte[] join(MemorySegment[] pieces, int length) {
        var data = new byte[length];
        int at = 0;
        for (var piece : pieces) {
            MemorySegment.copy(piece, JAVA_BYTE, 0, data, at, (int) piece.byteSize());
            at += (int) piece.byteSize();
        }
        return data;
    }

    private void compareWithShadow(FileStorage storage) {
        long seed = System.nanoTime();
        var random = new Random(seed);
        var shadow = new byte[SIZE];
        int unit = Math.max(512, storage.info().alignment());
        for (int i = 0; i < 400; i++) {
            int length = unit * (1 + random.nextInt(i % 50 == 0 ? 600 : 40));
            length = Math.min(length, SIZE);
            int offset = unit * random.nextInt((SIZE - length) / unit + 1);
            var data = new byte[length];
            switch (random.nextInt(6)) {
                case 0, 1, 2 -> {
                    random.nextBytes(data);
                    var pieces = pieces(random, length);
                    fill(pieces, data);
                    var write = new TestRequest(WRITE, offset, random.nextBoolean(), pieces);
                    assertThat(run(storage, write)).as("seed %d", seed).isZero();
                    System.arraycopy(data, 0, shadow, offset, length);
                }
                case 3 -> {
                    var zero = TestRequest.range(ZERO, offset, length, random.nextBoolean());
                    assertThat(run(storage, zero)).as("seed %d", seed).isZero();
                    System.arraycopy(data, 0, shadow, offset, length);
                }
                default -> {
                    var pieces = pieces(random, length);
                    assertThat(run(storage, new TestRequest(READ, offset, pieces))).isZero();
                    System.arraycopy(shadow, offset, data, 0, length);
                    assertThat(join(pieces, length)).as("seed %d", seed).isEqualTo(data);
                }
            }
        }
        assertThat(run(storage, TestRequest.flush())).isZero();
        assertThat(read(storage, 0, SIZE)).as("seed %d", seed).isEqualTo(shadow);
        storage.close();
        try {
            assertThat(Files.readAllBytes(image)).as("seed %d", seed).isEqualTo(shadow);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void shouldKeepWhatIsWrittenFromAnyPieces() {
        compareWithShadow(open(FileOptions.DEFAULT));
    }

    @Test
    void shouldKeepWhatIsWrittenFromAnyPiecesByDirectIo() {
        var storage = open(FileOptions.DEFAULT.withDirect(true));
        assertThat(storage.info().alignment()).isBetween(512, 4096);
        compareWithShadow(storage);
    }

    @Test
    void shouldTakeMorePiecesThanOneSystemCall() {
        var storage = open(FileOptions.DEFAULT);
        var pieces = new MemorySegment[3000];
        for (int i = 0; i < pieces.length; i++) {
            pieces[i] = filled(512, i);
        }
        assertThat(run(storage, new TestRequest(WRITE, 512, pieces))).isZero();
        var data = read(storage, 512, 3000 * 512);
        for (int i = 0; i < data.length; i++) {
            assertThat(data[i]).isEqualTo((byte) (i / 512));
        }
    }

    @Test
    void shouldReadHolesAsZeros() {
        assertThat(read(open(FileOptions.DEFAULT), SIZE - 8192, 8192)).containsOnly(0);
    }

    @Test
    void shouldGiveRoomBackThatIsDiscarded() {
        var storage = open(FileOptions.DEFAULT);
        assertThat(storage.info().discards()).isTrue();
        assertThat(storage.info().discardsReadZero()).isTrue();
        assertThat(run(storage, new TestRequest(WRITE, 0, filled(1 << 20, 7)))).isZero();
        assertThat(run(storage, TestRequest.flush())).isZero();
        assertThat(allocated()).isGreaterThanOrEqualTo(1 << 20);
        assertThat(run(storage, TestRequest.range(DISCARD, 0, 1 << 20, false))).isZero();
        assertThat(allocated()).isLessThan(1 << 20);
        assertThat(read(storage, 0, 1 << 20)).containsOnly(0);
    }

    @Test
    void shouldGiveRoomOfZerosBackOnlyIfItMay() {
        var storage = open(FileOptions.DEFAULT);
        assertThat(run(storage, new TestRequest(WRITE, 0, filled(1 << 20, 7)))).isZero();
        assertThat(run(storage, TestRequest.flush())).isZero();
        assertThat(run(storage, TestRequest.range(ZERO, 0, 1 << 20, false))).isZero();
        assertThat(allocated()).isGreaterThanOrEqualTo(1 << 20);
        assertThat(read(storage, 0, 1 << 20)).containsOnly(0);
        assertThat(run(storage, TestRequest.durableZero(0, 1 << 20))).isZero();
        assertThat(allocated()).isLessThan(1 << 20);
        assertThat(read(storage, 0, 1 << 20)).containsOnly(0);
    }

    @Test
    void shouldWriteZerosWhereTheFileSystemHasNoOther() {
        // tmpfs, which memory files are of, knows holes but not FALLOC_FL_ZERO_RANGE
        try (var file = MemoryFile.create("image", SIZE)) {
            var storage = open(Path.of("/proc/self/fd/" + file.number()), FileOptions.DEFAULT);
            assertThat(run(storage, new TestRequest(WRITE, 0, filled(SIZE, 7)))).isZero();
            var zero = TestRequest.range(ZERO, 512, SIZE - 1024, false);
            assertThat(run(storage, zero)).isZero();
            var data = read(storage, 0, SIZE);
            for (int i = 0; i < SIZE; i++) {
                assertThat(data[i]).isEqualTo((byte) (i < 512 || i >= SIZE - 512 ? 7 : 0));
            }
            assertThat(FileStatus.of(file).allocated()).isEqualTo(SIZE);
            zero.again();
            assertThat(run(storage, zero)).isZero();
            storage.close();
        }
    }

    @Test
    void shouldRefuseToChangeWhatIsReadOnly() {
        var storage = open(FileOptions.DEFAULT.withReadOnly(true));
        assertThat(storage.info().readOnly()).isTrue();
        assertThat(storage.info().volatileCache()).isFalse();
        var memory = filled(512, 1);
        assertThat(run(storage, new TestRequest(WRITE, 0, memory))).isEqualTo(Errno.EROFS);
        assertThat(run(storage, TestRequest.range(ZERO, 0, 512, true))).isEqualTo(Errno.EROFS);
        assertThat(run(storage, TestRequest.range(DISCARD, 0, 512, true))).isEqualTo(Errno.EROFS);
        assertThat(run(storage, TestRequest.flush())).isZero();
        assertThat(read(storage, 0, 512)).containsOnly(0);
    }

    @Test
    void shouldRefuseRangesOutsideTheImage() {
        var storage = open(FileOptions.DEFAULT);
        var memory = filled(1024, 1);
        for (long offset : new long[] {SIZE - 512, SIZE, -512, Long.MAX_VALUE}) {
            assertThat(run(storage, new TestRequest(WRITE, offset, memory)))
                    .isEqualTo(Errno.EINVAL);
        }
    }

    @Test
    void shouldFailReadsBehindTheEndOfAFileThatWasCut() throws IOException {
        var direct = new boolean[] {false, true};
        for (boolean value : direct) {
            var storage = open(FileOptions.DEFAULT.withDirect(value));
            try (var file = new RandomAccessFile(image.toFile(), "rw")) {
                file.setLength(10_000);
            }
            var memory = filled(1 << 16, 1);
            assertThat(run(storage, new TestRequest(READ, 1 << 20, memory))).isEqualTo(Errno.EIO);
            assertThat(run(storage, new TestRequest(READ, 0, memory))).isEqualTo(Errno.EIO);
            assertThat(read(storage, 4096, 4096)).containsOnly(0);
            storage.close();
            try (var file = new RandomAccessFile(image.toFile(), "rw")) {
                file.setLength(SIZE);
            }
        }
    }

    @Test
    void shouldSayEfaultWhereTheClientHasTakenItsMemoryAway() {
        try (var file = MemoryFile.create("guest", 0x4000);
                var mapping = Mapping.confined(file, 0, 0x4000, Mapping.Access.READ_WRITE)) {
            var storage = open(FileOptions.DEFAULT);
            MemoryFile.resize(file, 0x2000);
            var gone = mapping.segment().asSlice(0x2000, 0x2000);
            assertThat(run(storage, new TestRequest(READ, 0, gone))).isEqualTo(Errno.EFAULT);
            assertThat(run(storage, new TestRequest(WRITE, 0, gone))).isEqualTo(Errno.EFAULT);
            var half = mapping.segment();
            assertThat(run(storage, new TestRequest(READ, 0, half))).isEqualTo(Errno.EFAULT);
            assertThat(read(storage, 0, 0x2000)).containsOnly(0);
        }
    }

    @Test
    void shouldTakeMoreRequestsThanCanBeUnderWay() {
        var storage = open(FileOptions.DEFAULT.withDirect(true));
        var requests = new ArrayList<TestRequest>();
        for (int i = 0; i < 1000; i++) {
            // every other one needs a buffer of the storage's, which has fewer
            var memory = arena.allocate(4096 + 4, 4096).asSlice(i % 2 * 4L, 4096).fill((byte) i);
            requests.add(new TestRequest(WRITE, i * 4096L, memory));
        }
        requests.forEach(storage::submit);
        storage.kick();
        loop.runUntil(() -> requests.stream().allMatch(TestRequest::isDone));
        assertThat(requests).allMatch(request -> request.errno() == 0);
        var data = read(storage, 0, 1000 * 4096);
        for (int i = 0; i < data.length; i++) {
            assertThat(data[i]).isEqualTo((byte) (i / 4096));
        }
    }

    @Test
    void shouldTouchNoMemoryAfterItIsQuiet() {
        var storage = open(FileOptions.DEFAULT.withDirect(true));
        var memory = new ArrayList<MemorySegment>();
        var requests = new ArrayList<TestRequest>();
        for (int i = 0; i < 600; i++) {
            memory.add(arena.allocate(4096 + 4, 4096).asSlice(i % 3 == 0 ? 4 : 0, 4096));
            requests.add(new TestRequest(READ, i * 4096L, memory.get(i)));
        }
        requests.forEach(storage::submit);
        storage.kick();
        requests.get(599).abandon();
        storage.quiesce();
        // what has not begun finds no memory any more
        requests.forEach(TestRequest::abandon);
        memory.forEach(piece -> piece.fill((byte) 0x77));
        loop.runUntil(() -> requests.stream().allMatch(TestRequest::isDone));
        assertThat(requests)
                .extracting(TestRequest::errno)
                .containsAnyOf(0, Errno.EFAULT)
                .doesNotContain(Errno.EIO);
        assertThat(read(storage, 0, 4096)).containsOnly(0);
        assertThat(memory).allMatch(piece -> piece.get(JAVA_BYTE, 100) == 0x77);
    }

    @Test
    void shouldGoOnAfterItWasQuiet() {
        var storage = open(FileOptions.DEFAULT);
        var requests = new ArrayList<TestRequest>();
        for (int i = 0; i < 600; i++) {
            requests.add(new TestRequest(WRITE, i * 4096L, filled(4096, i)));
        }
        requests.forEach(storage::submit);
        storage.quiesce();
        storage.kick();
        storage.quiesce();
        loop.runUntil(() -> requests.stream().allMatch(TestRequest::isDone));
        assertThat(requests).allMatch(request -> request.errno() == 0);
        assertThat(read(storage, 599 * 4096, 4096)).containsOnly((byte) 599);
    }

    @Test
    void shouldCancelWhatWaits() {
        var storage = open(FileOptions.DEFAULT.withDirect(true));
        var requests = new ArrayList<TestRequest>();
        for (int i = 0; i < 600; i++) {
            requests.add(new TestRequest(READ, i * 4096L, filled(4096, i)));
        }
        requests.forEach(storage::submit);
        storage.cancel();
        assertThat(requests.get(599).errno()).isEqualTo(Errno.ECANCELED);
        loop.runUntil(() -> requests.stream().allMatch(TestRequest::isDone));
        assertThat(read(storage, 0, 4096)).containsOnly(0);
    }

    @Test
    void shouldServeLargeRequestsInSeveralTurns() {
        var storage = open(FileOptions.DEFAULT);
        assertThat(read(storage, 0, SIZE)).containsOnly(0); // the page cache has it all
        var requests = new ArrayList<TestRequest>();
        for (int i = 0; i < 64; i++) {
            requests.add(new TestRequest(READ, 0, filled(1 << 20, 1)));
        }
        requests.forEach(storage::submit);
        storage.kick();
        if (engine == FileOptions.Engine.URING) {
            assertThat(requests.stream().filter(TestRequest::isDone)).hasSizeLessThan(8);
        }
        loop.runUntil(() -> requests.stream().allMatch(TestRequest::isDone));
        assertThat(requests).allMatch(request -> request.errno() == 0);
    }

    @Test
    void shouldCompleteByPollingAloneWhilePolled() {
        var storage = open(FileOptions.DEFAULT.withDirect(true));
        storage.polling(true);
        var memory = filled(4096, 1);
        for (int i = 0; i < 100; i++) {
            var request = new TestRequest(READ, i * 4096L, memory);
            storage.submit(request);
            storage.kick();
            while (!request.isDone()) {
                storage.poll();
            }
            assertThat(request.errno()).isZero();
        }
        assertThat(loop.isWoken()).isFalse();
        storage.polling(false);
        assertThat(storage.poll()).isFalse();
        assertThat(read(storage, 0, 4096)).containsOnly(0);
    }

    @Test
    void shouldNotSleepOverWhatWasDoneWhilePolled() {
        var storage = open(FileOptions.DEFAULT.withDirect(true));
        var memory = filled(4096, 1);
        for (int i = 0; i < 300; i++) {
            storage.polling(true);
            var request = new TestRequest(READ, i * 4096L, memory);
            storage.submit(request);
            storage.kick();
            for (int turn = i % 50 * 40; turn > 0; turn--) {
                Thread.onSpinWait();
            }
            storage.polling(false);
            while (storage.poll()) {
                // until there is none
            }
            loop.runUntil(request::isDone);
            assertThat(request.errno()).isZero();
        }
    }

    @Test
    void shouldCloseTwiceAndWithRequestsUnderWay() {
        var storage = open(FileOptions.DEFAULT.withDirect(true));
        var request = new TestRequest(READ, 0, filled(1 << 20, 1));
        storage.submit(request);
        storage.kick();
        storage.close();
        assertThat(request.errno()).isZero();
        storage.close();
        // the lock has gone with it, at once
        assertThat(read(open(FileOptions.DEFAULT), 0, 512)).containsOnly(0);
    }
}
