package dev.muser.devices.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.muser.linux.Errno;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

final class MemoryStorageTest {
    private static final int SIZE = 64 << 10;

    private final MemoryStorage storage = new MemoryStorage(SIZE);

    @AfterEach
    void close() {
        storage.close();
        storage.close();
    }

    private static int run(Storage storage, FakeRequest request) {
        storage.submit(request);
        return request.errno();
    }

    private byte[] contents() {
        var read = FakeRequest.read(0, SIZE);
        assertThat(run(storage, read)).isZero();
        return read.data();
    }

    @Test
    void shouldSayThatDiscardedBytesReadAsZeros() {
        assertThat(storage.info()).isEqualTo(new StorageInfo(SIZE, 1, false, false, true, true));
    }

    @Test
    void shouldReadZerosAtFirst() {
        assertThat(contents()).containsOnly(0);
    }

    @Test
    void shouldKeepWhatWasWrittenAndDiscarded() {
        long seed = System.nanoTime();
        var random = new Random(seed);
        var expected = new byte[SIZE];
        for (int i = 0; i < 500; i++) {
            int offset = random.nextInt(SIZE);
            int length = random.nextInt(SIZE - offset + 1);
            var request =
                    switch (random.nextInt(4)) {
                        case 0 -> FakeRequest.discard(offset, length);
                        case 1 -> FakeRequest.zero(offset, length, random.nextBoolean());
                        default -> {
                            var bytes = new byte[length];
                            random.nextBytes(bytes);
                            yield FakeRequest.write(offset, bytes);
                        }
                    };
            if (request.operation() == StorageOperation.WRITE) {
                System.arraycopy(request.data(), 0, expected, offset, length);
            } else {
                Arrays.fill(expected, offset, offset + length, (byte) 0);
            }
            assertThat(run(storage, request)).isZero();
            assertThat(contents()).as("seed %d, step %d", seed, i).isEqualTo(expected);
        }
    }

    @Test
    void shouldCompleteAFlush() {
        assertThat(run(storage, FakeRequest.flush())).isZero();
    }

    @Test
    void shouldSayWhatTheClientsMemorySays() {
        var read = FakeRequest.read(0, 512);
        read.forget();
        assertThat(run(storage, read)).isEqualTo(Errno.ECANCELED);
    }

    @Test
    void shouldBeLargerThanTheMachinesMemory() {
        try (var large = new MemoryStorage(1L << 44)) {
            assertThat(run(large, FakeRequest.write((1L << 44) - 2, (byte) 1, (byte) 2))).isZero();
            var read = FakeRequest.read((1L << 44) - 3, 3);
            assertThat(run(large, read)).isZero();
            assertThat(read.data()).containsExactly(0, 1, 2);
        }
    }

    @Test
    void shouldClearALongRangeInSeveralTurns() {
        long size = 200L << 20;
        var loop = new FakeLoop(() -> 0);
        try (var large = new MemoryStorage(size)) {
            large.start(loop);
            assertThat(run(large, FakeRequest.write(size - 1, (byte) 1))).isZero();
            assertThat(run(large, FakeRequest.write(3, (byte) 1))).isZero();
            var discard = FakeRequest.discard(3, size - 3);
            large.submit(discard);
            assertThat(discard.isDone()).isFalse();
            loop.runUntil(discard::isDone);
            assertThat(discard.errno()).isZero();
            var read = FakeRequest.read(size - 1, 1);
            assertThat(run(large, read)).isZero();
            assertThat(read.data()).containsExactly(0);
        }
    }

    @Test
    void shouldClearManyRangesInSeveralTurns() {
        var loop = new FakeLoop(() -> 0);
        try (var large = new MemoryStorage(256L << 20)) {
            large.start(loop);
            var discards = new ArrayList<FakeRequest>();
            for (int i = 0; i < 256; i++) {
                discards.add(FakeRequest.discard((long) i << 20, 1 << 20));
                large.submit(discards.getLast());
            }
            assertThat(discards.getFirst().isDone()).isTrue();
            assertThat(discards.getLast().isDone()).isFalse();
            loop.turn();
            assertThat(discards.getLast().isDone()).isFalse();
            loop.runUntil(discards.getLast()::isDone);
            assertThat(discards).allMatch(request -> request.errno() == 0);
        }
    }

    @Test
    void shouldClearNothingMoreWhenCancelled() {
        long size = 200L << 20;
        var loop = new FakeLoop(() -> 0);
        try (var large = new MemoryStorage(size)) {
            large.start(loop);
            var discard = FakeRequest.discard(0, size);
            large.submit(discard);
            large.cancel();
            assertThat(discard.errno()).isEqualTo(Errno.ECANCELED);
            assertThat(run(large, FakeRequest.write(size - 1, (byte) 9))).isZero();
            while (loop.tasks() > 0) {
                loop.turn();
            }
            var read = FakeRequest.read(size - 1, 1);
            assertThat(run(large, read)).isZero();
            assertThat(read.data()).containsExactly(9);
            var another = FakeRequest.discard(size - 1, 1);
            large.submit(another);
            loop.runUntil(another::isDone);
            assertThat(another.errno()).isZero();
        }
    }

    @Test
    void shouldRefuseASizeThatCannotBeMapped() {
        assertThatThrownBy(() -> new MemoryStorage(0))
                .isInstanceOf(StorageException.class)
                .hasMessageContaining("0 bytes");
        assertThatThrownBy(() -> new MemoryStorage(1L << 60))
                .isInstanceOf(StorageException.class)
                .hasMessageContaining("1152921504606846976 bytes")
                .hasMessageContaining("smaller");
    }

    @Test
    void shouldNotAllocate() {
        var read = FakeRequest.read(4096, 4096);
        var write = FakeRequest.write(8192, new byte[4096]);
        var limited =
                new LimitedStorage(
                        storage,
                        StorageLimits.NONE.withAll(
                                RateLimit.NONE, new RateLimit(1L << 60, 1L << 60)));
        assertThat(
                        Allocation.of(() -> {
                            for (int i = 0; i < 1000; i++) {
                                storage.submit(read.again());
                                limited.submit(write.again());
                            }
                        }))
                .isZero();
    }
}
