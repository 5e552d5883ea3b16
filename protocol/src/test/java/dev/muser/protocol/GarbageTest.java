package dev.muser.protocol;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/**
 * No bytes make a decoder throw: a million payloads, pure noise or a valid one with some bytes
 * changed, through every validation and, where it says 0, every getter. A payload ends where its
 * segment ends, so a read beyond it throws.
 */
class GarbageTest {
    private static final int CASES = 1_000_000;
    private static final int SPACE = 256;

    private final List<byte[]> corpus = new ArrayList<>();
    private final Getters getters = new Getters();

    private void add(MemorySegment room, int length) {
        corpus.add(room.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE));
    }

    private void fillCorpus() {
        var room = Bytes.room();
        add(room, DmaMap.encodeRequest(room, 0, 3, 0, 0x1000, 0x1000));
        add(room, DmaUnmap.encodeRequest(room, 0, 0, 0x1000, 0x1000));
        add(room, DmaUnmap.encodeBitmapRequest(room, 0, 0x1000, 0x1000, 4096, 8));
        add(room, 48);
        add(room, GetInfo.encodeReply(room, 0, 3, 9, 5));
        add(room, IrqInfo.encodeReply(room, 0, 1, 0, 1));
        add(room, SetIrqs.encodeRequest(room, 0, 0x24, 2, 0, 1));
        add(room, SetIrqs.encodeRequest(room, 0, 0x22, 2, 0, 5));
        add(room, RegionAccess.encode(room, 0, 0, 0, 4) + 4);
        add(room, DmaAccess.encode(room, 0, 0x1000, 4) + 4);
        add(room, RegionWriteMulti.encodeRequest(room, 0, 3));
        add(room, RegionWriteMulti.encodeReply(room, 0, 3));
        var writer = new RegionInfoWriter();
        writer.start(room, 0, SPACE, SPACE, 0, 7, 0x4000, 0);
        writer.type(1, 1);
        writer.sparseMmap(2);
        writer.area(0, 0x1000);
        writer.area(0x2000, 0x1000);
        add(room, writer.finish());
        int length = RegionIoFds.encodeReply(room, 0, SPACE, 0, 2);
        RegionIoFds.encodeEntry(room, 0, 0, 0, 4, 0, 0, 0, -1, 0, 0);
        RegionIoFds.encodeEntry(room, 0, 1, 8, 4, 0, 2, 0, 0, 0, 0);
        add(room, length);
        add(room, MigData.encode(room, 0, 8) + 8);
        add(room, DeviceFeature.encode(room, 0, 0x20006, 32));
        add(room, DmaLoggingStart.encodeRequest(room, 0, 4096, 1));
        add(room, DmaLoggingReport.encode(room, 0, 0x1000, 0x1000, 4096) + 8);
        add(room, MigDeviceState.encode(room, 0, 1, -1));
    }

    /** Noise of any length, or a valid payload with up to four bytes changed or its end cut. */
    private byte[] payload(SplittableRandom random) {
        if (random.nextInt(8) == 0) {
            var noise = new byte[random.nextInt(SPACE)];
            random.nextBytes(noise);
            return noise;
        }
        byte[] valid = corpus.get(random.nextInt(corpus.size()));
        int length = random.nextInt(8) == 0 ? random.nextInt(valid.length + 1) : valid.length;
        byte[] bytes = Arrays.copyOf(valid, length);
        for (int changes = random.nextInt(5); changes > 0 && length > 0; changes--) {
            int at = random.nextInt(length);
            bytes[at] =
                    (byte)
                            switch (random.nextInt(4)) {
                                case 0 -> 0xff;
                                case 1 -> 0;
                                case 2 -> bytes[at] ^ (1 << random.nextInt(8));
                                default -> random.nextInt();
                            };
        }
        return bytes;
    }

    @Test
    void shouldNeverThrowWhateverTheBytes() {
        fillCorpus();
        for (long seed = 0; seed < CASES; seed++) {
            var random = new SplittableRandom(seed);
            byte[] bytes = payload(random);
            try {
                getters.readAll(MemorySegment.ofArray(bytes), bytes.length, random);
            } catch (RuntimeException e) {
                throw new AssertionError("with seed " + seed + ", " + bytes.length + " bytes", e);
            }
        }
        assertThat(getters.sum()).isNotZero();
        // The walk got past each validation, or it has tested nothing.
        assertThat(getters.accepted()).doesNotContainValue(0).hasSize(33);
    }

    @Test
    void shouldThrowNothingButProtocolExceptionForJson() {
        String valid =
                "{\"capabilities\":{\"max_msg_fds\":8,\"pgsizes\":4096,\"write_multiple\":true,"
                        + "\"twin_socket\":{\"supported\":true,\"fd_index\":0},"
                        + "\"migration\":{\"pgsize\":4096,\"x\":[1,null,-2.5e9]}}}\0";
        int good = 0;
        int refused = 0;
        for (long seed = 0; seed < 50_000; seed++) {
            var random = new SplittableRandom(seed);
            byte[] bytes = valid.getBytes(StandardCharsets.UTF_8);
            for (int changes = random.nextInt(4); changes > 0; changes--) {
                int at = random.nextInt(bytes.length - 1);
                String alphabet = "{}[]\":,0129.-eE\\utrfn \n\u0080";
                bytes[at] = (byte) alphabet.charAt(random.nextInt(alphabet.length()));
            }
            try {
                assertThat(Capabilities.decode(bytes)).isNotNull();
                good++;
            } catch (ProtocolException e) {
                assertThat(e.errno()).isEqualTo(22);
                refused++;
            } catch (RuntimeException e) {
                throw new AssertionError("with seed " + seed, e);
            }
        }
        assertThat(good).isPositive();
        assertThat(refused).isPositive();
    }
}
