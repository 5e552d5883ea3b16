package dev.muser.testkit.devices;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.devices.timer.TimerDevice;
import dev.muser.testkit.ServedDevice;
import java.nio.charset.StandardCharsets;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The timer's messages to clients that agree on other things than libvfio-user's sample does. */
@SuppressWarnings("ByteBufferBackingArray") // all are made by SampleClient.bytes()
class TimerMessagesTest {
    private static final long MEMORY = 0x10000;
    private static final int LENGTH = 4096;

    private final List<String> complaints = new CopyOnWriteArrayList<>();
    private final ServedDevice served =
            ServedDevice.start(
                    ctx -> new TimerDevice(ctx, InstantSource.system(), complaints::add));
    private final byte[] memory = new byte[LENGTH];

    @AfterEach
    void close() {
        served.close();
    }

    private static SampleClient.Message negotiate(SampleClient client, String capabilities) {
        var json = "{\"capabilities\":{%s}}\0".formatted(capabilities);
        var request = SampleClient.bytes(4 + json.length()).putShort((short) 0);
        request.putShort((short) 2).put(json.getBytes(StandardCharsets.US_ASCII));
        return client.askForFds(SampleClient.VERSION, request);
    }

    /** Maps memory that is not shared, and has the timer expire at once. */
    private static void expire(SampleClient client) {
        client.ask(
                SampleClient.DMA_MAP,
                SampleClient.bytes(32)
                        .putInt(32)
                        .putInt(3)
                        .putLong(0)
                        .putLong(MEMORY)
                        .putLong(LENGTH));
        client.ask(
                SampleClient.REGION_WRITE,
                SampleClient.bytes(24).putLong(0).putInt(0).putInt(8).putLong(1));
    }

    private static void readTime(SampleClient client) {
        client.ask(SampleClient.REGION_READ, SampleClient.bytes(16).putLong(0).putInt(0).putInt(8));
    }

    /** Answers messages until so many bytes are written and read; returns what was asked. */
    private List<String> serve(SampleClient client) {
        var asked = new ArrayList<String>();
        for (int bytes = 0; bytes < 2 * LENGTH; ) {
            var message = client.receive();
            boolean read = message.command() == SampleClient.DMA_READ;
            int at = (int) (message.payload().getLong(0) - MEMORY);
            int count = (int) message.payload().getLong(8);
            asked.add("%s %d+%d".formatted(read ? "read" : "write", at, count));
            var reply = SampleClient.bytes(read ? 16 + count : 16);
            reply.putLong(MEMORY + at).putLong(count);
            if (read) {
                reply.put(memory, at, count);
            } else {
                message.payload().get(16, memory, at, count);
            }
            client.reply(message, reply);
            bytes += count;
        }
        return asked;
    }

    private void expectLetters() {
        for (int i = 0; i < LENGTH; i++) {
            assertThat(memory[i]).isEqualTo((byte) ('A' + i / 1024));
        }
        assertThat(complaints).isEmpty();
    }

    private static List<String> messages(int most) {
        var expected = new ArrayList<String>();
        for (var what : List.of("write", "read")) {
            for (int part = 0; part < LENGTH; part += 1024) {
                for (int at = 0; at < 1024; at += most) {
                    expected.add("%s %d+%d".formatted(what, part + at, Math.min(most, 1024 - at)));
                }
            }
        }
        return expected;
    }

    /** (vfio-user, "Socket": what the server asks goes there.) */
    @Test
    void shouldAskOnTheTwinSocketWhenThereIsOne() {
        try (var client = SampleClient.connect(served.socket())) {
            var reply = negotiate(client, "\"twin_socket\":{\"supported\":true}");
            try (var twin = SampleClient.twin(reply.fds().getFirst())) {
                expire(client);
                assertThat(serve(twin)).isEqualTo(messages(1024));
                expectLetters();
                readTime(client); // whose reply is the next message on the main socket
            }
        }
    }

    /** No message may have more than the client takes. */
    @ParameterizedTest
    @ValueSource(ints = {1, 100, 512, 1023})
    void shouldSendMoreMessagesToAClientThatTakesLess(int most) {
        try (var client = SampleClient.connect(served.socket())) {
            negotiate(client, "\"max_data_xfer_size\":" + most);
            expire(client);
            assertThat(serve(client)).isEqualTo(messages(most));
            expectLetters();
        }
    }

    @Test
    void shouldSayWhatAClientGivesBackWrong() {
        try (var client = SampleClient.connect(served.socket())) {
            negotiate(client, "");
            expire(client);
            for (int i = 0; i < 8; i++) {
                var message = client.receive();
                boolean read = message.command() == SampleClient.DMA_READ;
                var reply = SampleClient.bytes(read ? 16 + 1024 : 16);
                client.reply(message, reply.put(message.payload().array(), 0, 16));
            }
            readTime(client);
            assertThat(complaints)
                    .containsExactly("0x41 was written to 0x10000 and 0x0 is read there");
        }
    }
}
