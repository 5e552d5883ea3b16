package dev.muser.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.linux.Fd;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Random messages, mutated: the server neither hangs nor leaks, and serves its other clients. */
final class FuzzTest extends ServerTest {
    private static final long SEED = 0x6d757365720001L;
    private static final int MESSAGES = 100_000;

    private final Random random = new Random(SEED);

    @Test
    @Timeout(120)
    void shouldSurviveRandomMessages() {
        System.out.println("FuzzTest seed " + SEED);
        device.recording = false;
        device.migration = new FakeMigration();
        var loop = loop(LoopPolicy.BLOCKING);
        var neighbourDevice = anotherDevice();
        neighbourDevice.recording = false;
        var neighbour = connect(loop, neighbourDevice, ServerOptions.DEFAULTS);
        neighbour.negotiate();
        Path path = socketPath();
        closing(DeviceServer.listen(loop, _ -> device, path, ServerOptions.DEFAULTS));
        Fd file = memory(1 << 20);

        int sessions = 0;
        int sent = 0;
        while (sent < MESSAGES) {
            sessions++;
            try (var client = RawClient.connect(path)) {
                if (random.nextInt(20) != 0) {
                    client.negotiate();
                }
                sent += session(client, file);
            }
            int value = random.nextInt();
            neighbour
                    .ask(
                            RawClient.REGION_WRITE,
                            RawClient.regionWrite(0, 16, Bytes.of().u32(value).get()))
                    .succeeded(16);
            var reply = neighbour.ask(RawClient.REGION_READ, RawClient.regionRead(0, 16, 4));
            assertThat(Bytes.view(reply.payload()).getInt(16)).isEqualTo(value);
        }
        assertThat(sessions).as("sessions that ended early or late").isGreaterThan(100);
        device.migration = null; // it may be stopped
        var last = closing(RawClient.connect(path));
        last.negotiate();
        last.expectServed();
    }

    /** Sends up to a few hundred messages, and reads what there is now and then. */
    private int session(RawClient client, Fd file) {
        int messages = 1 + random.nextInt(400);
        for (int i = 0; i < messages; i++) {
            byte[] bytes = randomMessage();
            if (random.nextInt(3) == 0) {
                bytes = mutate(bytes);
            }
            List<Fd> fds =
                    random.nextInt(6) == 0
                            ? Collections.nCopies(1 + random.nextInt(4), file)
                            : List.of();
            if (bytes.length > 0 && client.trySend(bytes, fds) < 0) {
                return i + 1;
            }
            if (random.nextInt(8) == 0) {
                drain(client);
            }
        }
        return messages;
    }

    private static void drain(RawClient client) {
        try (var arena = Arena.ofConfined()) {
            var buffer = arena.allocate(65536);
            while (client.receiveSome(buffer, 0, 65536, 0x40) > 0) {
                // what it says is for other tests: here it must only say it
            }
        }
    }

    private byte[] randomMessage() {
        int command = random.nextInt(20);
        byte[] payload =
                switch (command) {
                    case RawClient.VERSION -> RawClient.version(0, random.nextInt(4), "{}");
                    case RawClient.DMA_MAP ->
                            RawClient.dmaMap(
                                    random.nextInt(16), few() * 4096, few() * 4096, few() * 4096);
                    case RawClient.DMA_UNMAP ->
                            Bytes.of()
                                    .u32(24)
                                    .u32(random.nextInt(4))
                                    .u64(few() * 4096)
                                    .u64(few() * 4096)
                                    .get();
                    case RawClient.GET_INFO -> Bytes.of().u32(16).zeros(12).get();
                    case RawClient.GET_REGION_INFO ->
                            Bytes.of()
                                    .u32(32 + random.nextInt(80))
                                    .u32(0)
                                    .u32(random.nextInt(10))
                                    .zeros(20)
                                    .get();
                    case RawClient.GET_REGION_IO_FDS, RawClient.GET_IRQ_INFO ->
                            Bytes.of().u32(64).u32(0).u32(random.nextInt(6)).u32(0).get();
                    case RawClient.SET_IRQS ->
                            Bytes.of()
                                    .u32(20)
                                    .u32((1 << random.nextInt(3)) | (8 << random.nextInt(3)))
                                    .u32(random.nextInt(6))
                                    .u32(random.nextInt(4))
                                    .u32(random.nextInt(4))
                                    .zeros(random.nextInt(4))
                                    .get();
                    case RawClient.REGION_READ ->
                            RawClient.regionRead(
                                    random.nextInt(10),
                                    random.nextInt(5000),
                                    random.nextInt(20) == 0 ? 1 << 20 : random.nextInt(5000));
                    case RawClient.REGION_WRITE ->
                            RawClient.regionWrite(
                                    random.nextInt(10),
                                    random.nextInt(5000),
                                    new byte[random.nextInt(300)]);
                    case RawClient.WRITE_MULTI -> writes();
                    case RawClient.FEATURE ->
                            Bytes.of()
                                    .u32(8 + random.nextInt(16))
                                    .u32(random.nextInt(10) | (1 << (16 + random.nextInt(3))))
                                    .u32(random.nextInt(9))
                                    .u32(0)
                                    .get();
                    case RawClient.MIG_READ, RawClient.MIG_WRITE ->
                            Bytes.of().u32(64).u32(random.nextInt(60)).zeros(56).get();
                    default -> new byte[random.nextInt(40)];
                };
        int flags = random.nextInt(4) == 0 ? RawClient.NO_REPLY : 0;
        if (random.nextInt(50) == 0) {
            flags = random.nextInt(64);
        }
        return RawClient.message(random.nextInt(65536), command, flags, payload);
    }

    private long few() {
        return random.nextInt(8) == 0 ? random.nextLong() : random.nextInt(8);
    }

    private byte[] writes() {
        int count = random.nextInt(8);
        var parts = new ArrayList<byte[]>();
        parts.add(Bytes.of().u64(random.nextInt(10) == 0 ? random.nextLong() : count).get());
        for (int i = 0; i < count; i++) {
            parts.add(
                    Bytes.of()
                            .u64(random.nextInt(5000))
                            .u32(random.nextInt(3))
                            .u32(random.nextInt(10))
                            .u64(random.nextLong())
                            .get());
        }
        return Bytes.join(parts.toArray(byte[][]::new));
    }

    /** Flips, cuts, doubles: mostly behind the size, so that the stream mostly stays in step. */
    private byte[] mutate(byte[] message) {
        switch (random.nextInt(12)) {
            case 0 -> {
                return Arrays.copyOf(message, random.nextInt(message.length));
            }
            case 1 -> Bytes.view(message).putInt(4, message.length + random.nextInt(64) - 32);
            case 2 -> message[random.nextInt(message.length)] ^= (byte) (1 << random.nextInt(8));
            case 3 -> {
                return Bytes.join(message, message);
            }
            default -> {
                for (int i = random.nextInt(4); i >= 0 && message.length > 16; i--) {
                    int at = 16 + random.nextInt(message.length - 16);
                    message[at] =
                            switch (random.nextInt(4)) {
                                case 0 -> 0;
                                case 1 -> (byte) 0xff;
                                case 2 -> (byte) 0x80;
                                default -> (byte) random.nextInt();
                            };
                }
            }
        }
        return message;
    }
}
