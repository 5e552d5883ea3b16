package dev.muser.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.linux.Errno;
import dev.muser.linux.MessageSender;
import dev.muser.linux.UnixSocket;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** How much DMA_READ and DMA_WRITE ask for in one message, and how many go at a time. */
final class DmaPiecesTest extends DmaMessagesFixture {
    @Test
    void shouldCutTransfersInPiecesOf32KiBAndKeepAtMostEightUnderWay() throws InterruptedException {
        var client = negotiated();
        int size = 10 * 32768 + 5;
        var into = memory(size);
        whenWritten(() -> port().read(0x10000, into, results::add));
        client.ask(RawClient.REGION_WRITE, kick()).succeeded(16);
        var pending = new ArrayDeque<Message>();
        for (int i = 0; i < 8; i++) {
            pending.add(expect(client, RawClient.DMA_READ, 0x10000 + i * 32768L, 32768));
        }
        client.expectServed(); // no ninth before this reply
        for (int i = 8; i < 19; i++) {
            var request = pending.remove();
            var data = new byte[(int) request.u64(8)];
            Arrays.fill(data, (byte) (i - 7));
            answer(client, request, Bytes.join(head(request), data));
            if (i < 11) {
                int count = i == 10 ? 5 : 32768;
                pending.add(expect(client, RawClient.DMA_READ, 0x10000 + i * 32768L, count));
                assertThat(pending).hasSize(8);
                client.expectServed();
            }
        }
        assertThat(pending).isEmpty();
        assertThat(results.take()).isZero();
        for (int i = 0; i < 11; i++) {
            assertThat(into.get(ValueLayout.JAVA_BYTE, i * 32768L)).isEqualTo((byte) (i + 1));
        }
        assertThat(into.get(ValueLayout.JAVA_BYTE, size - 1L)).isEqualTo((byte) 11);
    }

    /** As QEMU's must that answers: it truncates a reply of which its socket takes a part. */
    @Test
    void shouldAskForPiecesOfWhichFullSocketsTakeAllOrNothing() throws InterruptedException {
        var client = negotiated();
        whenWritten(() -> port().read(0, memory(1 << 20), results::add));
        client.ask(RawClient.REGION_WRITE, kick()).succeeded(16);
        var request = client.receive();
        int reply = 32 + (int) request.u64(8);
        var bytes = memory(reply);
        var sender = new MessageSender();
        for (int small = 0; small < 400; small += 3) {
            var ends = UnixSocket.pair();
            try (var from = ends[0];
                    var _ = ends[1]) {
                for (int i = 0; i < small; i++) {
                    sender.send(from, bytes, 0, 48, MessageSender.DONT_WAIT);
                }
                int sent;
                do {
                    sent = sender.send(from, bytes, 0, reply, MessageSender.DONT_WAIT);
                } while (sent == reply);
                assertThat(sent).as("after %d small ones", small).isEqualTo(-Errno.EAGAIN);
            }
        }
    }

    @Test
    void shouldCutTransfersByWhatTheClientTakes() throws InterruptedException {
        var client = connect();
        client.negotiate("{\"capabilities\":{\"max_data_xfer_size\":10}}");
        whenWritten(() -> port().write(100, memory(25), results::add));
        client.ask(RawClient.REGION_WRITE, kick()).succeeded(16);
        for (int i = 0; i < 3; i++) {
            var request = expect(client, RawClient.DMA_WRITE, 100 + 10L * i, i == 2 ? 5 : 10);
            assertThat(request.payload()[16]).isEqualTo((byte) (i * 10 * 31));
            answer(client, request, head(request));
        }
        assertThat(results.take()).isZero();
    }

    /** The guest starts one transfer after the other, with resets in between, and answers none. */
    @Test
    void shouldNotKeepTransfersWithoutBoundForAClientThatNeverAnswers() throws Exception {
        device.recording = false;
        var one = memory(1);
        device.when(
                "writeRegion",
                () -> {
                    for (int i = 0; i < 1000; i++) {
                        port().write(0, one, results::add);
                    }
                });
        var client = negotiated();
        for (int i = 0; i < 100; i++) {
            client.post(RawClient.REGION_WRITE, kick());
        }
        // Those beyond the bound are over at once; the others wait for their answers.
        int id = client.command(RawClient.GET_INFO, 0, Bytes.of().u32(16).zeros(12).get());
        Message message;
        do {
            message = client.receive();
        } while (message.id() != id || message.command() != RawClient.GET_INFO);
        assertThat(results).isNotEmpty().containsOnly(Errno.EBUSY);
        assertThat(results.size()).isLessThan(100_000);
        client.close();
        // and each of these is told when the client goes
        int refused = 0;
        int ended = 0;
        for (int i = 0; i < 100_000; i++) {
            switch (results.take()) {
                case Errno.EBUSY -> refused++;
                case Errno.ECONNRESET -> ended++;
                default -> throw new AssertionError("neither refused nor ended");
            }
        }
        assertThat(refused).isPositive();
        assertThat(ended).isPositive();
    }
}
