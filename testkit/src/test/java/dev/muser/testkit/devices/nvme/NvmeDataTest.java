package dev.muser.testkit.devices.nvme;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.client.DmaMemory;
import dev.muser.client.nvme.CompletionHandler;
import dev.muser.client.nvme.NvmeDriverOptions;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What is written is read again, however the driver describes its memory. */
final class NvmeDataTest {
    private static final int LARGEST = 1 << 20;
    private static final long SEED = 0x6d757365;

    static Stream<Arguments> ways() {
        return Stream.of(
                Arguments.of(512, DmaMemory.PAGES, false),
                Arguments.of(4096, DmaMemory.PAGES, true),
                Arguments.of(4096, DmaMemory.MESSAGES, false),
                Arguments.of(512, DmaMemory.MESSAGES, true));
    }

    @ParameterizedTest(name = "blocks of {0}, {1}, SGL {2}")
    @MethodSource("ways")
    void shouldReadWhatWasWritten(int block, DmaMemory memory, boolean sgl) {
        var random = new Random(SEED);
        var options = NvmeDriverOptions.DEFAULTS.withMemory(memory).withSgl(sgl);
        try (var disk = Disk.inMemory(block, options)) {
            var expected = new byte[(int) Disk.SIZE];
            var buffer = disk.buffer(LARGEST + 4096, memory);
            var sync = disk.driver.sync(disk.namespace());
            for (int round = 0; round < 300; round++) {
                int blocks = 1 + random.nextInt(random.nextInt(8) == 0 ? LARGEST / block : 24);
                int length = blocks * block;
                long lba = random.nextLong(Disk.SIZE / block - blocks + 1);
                long offset = random.nextInt(1024) * 4L;
                int at = (int) (lba * block);
                if (random.nextBoolean()) {
                    var data = new byte[length];
                    random.nextBytes(data);
                    System.arraycopy(data, 0, expected, at, length);
                    MemorySegment.copy(data, 0, buffer.segment(), JAVA_BYTE, offset, length);
                    sync.write(lba, blocks, buffer, offset);
                } else {
                    buffer.segment().fill((byte) 0x5a);
                    sync.read(lba, blocks, buffer, offset);
                    var read = buffer.segment().asSlice(offset, length).toArray(JAVA_BYTE);
                    assertThat(read)
                            .as("round %d: %d blocks from %d", round, blocks, lba)
                            .isEqualTo(Arrays.copyOfRange(expected, at, at + length));
                    assertThat(buffer.segment().get(JAVA_BYTE, offset + length))
                            .as("the byte behind the data")
                            .isEqualTo((byte) 0x5a);
                }
            }
        }
    }

    @ParameterizedTest(name = "blocks of {0}, {1}, SGL {2}")
    @MethodSource("ways")
    void shouldKeepManyCommandsApart(int block, DmaMemory memory, boolean sgl) {
        var options =
                NvmeDriverOptions.DEFAULTS
                        .withMemory(memory)
                        .withSgl(sgl)
                        .withQueues(4)
                        .withDepth(32);
        try (var disk = Disk.inMemory(block, options)) {
            int slots = 32;
            int blocks = 8192 / block;
            var buffer = disk.buffer(slots * 8192L, memory);
            for (int queue = 0; queue < 4; queue++) {
                var io = disk.driver.queue(queue).select(disk.namespace());
                var done = new ArrayList<Long>();
                CompletionHandler handler =
                        c -> {
                            assertThat(c.status()).isZero();
                            done.add(c.cookie());
                        };
                for (int i = 0; i < slots; i++) {
                    buffer.segment().asSlice(i * 8192L, 8192).fill((byte) (queue * slots + i));
                    io.write((long) (queue * slots + i) * blocks, blocks, buffer, i * 8192L, i);
                }
                io.kick();
                while (done.size() < slots) {
                    disk.device.serve();
                    io.poll(handler, slots);
                }
                buffer.segment().fill((byte) 0);
                for (int i = 0; i < slots; i++) {
                    io.read((long) (queue * slots + i) * blocks, blocks, buffer, i * 8192L, i);
                }
                io.kick();
                while (done.size() < 2 * slots) {
                    disk.device.serve();
                    io.poll(handler, slots);
                }
                assertThat(done).hasSize(2 * slots);
                for (int i = 0; i < slots; i++) {
                    assertThat(buffer.segment().asSlice(i * 8192L, 8192).toArray(JAVA_BYTE))
                            .as("slot %d of queue %d", i, queue)
                            .containsOnly((byte) (queue * slots + i));
                }
            }
        }
    }
}
