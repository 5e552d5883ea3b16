package dev.muser.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.device.VfioException;
import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import dev.muser.linux.UnixSocket;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A stream has no message bounds: whatever the pieces, the messages are the same. */
final class StreamTest extends ServerTest {
    @Test
    void shouldTakeAHeaderByteByByte() {
        var client = negotiated();
        for (byte b : RawClient.message(7, RawClient.RESET, 0, new byte[0])) {
            client.send(new byte[] {b});
        }
        assertThat(client.receive().succeeded(0).id()).isEqualTo(7);
    }

    @Test
    void shouldTakeAMessageSplitAnywhere() throws InterruptedException {
        var client = negotiated();
        byte[] data = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
        byte[] message =
                RawClient.message(3, RawClient.REGION_WRITE, 0, RawClient.regionWrite(0, 64, data));
        for (int split = 1; split < message.length; split++) {
            device.bar0.fill((byte) 0);
            client.send(Arrays.copyOf(message, split));
            Thread.sleep(1); // so that it arrives alone
            client.send(Arrays.copyOfRange(message, split, message.length));
            client.receive().succeeded(16);
            assertThat(device.bar0.asSlice(64, 10).toArray(ValueLayout.JAVA_BYTE)).isEqualTo(data);
        }
    }

    @Test
    void shouldKeepTheDescriptorOfAMessageSplitAnywhere() throws InterruptedException {
        var client = negotiated();
        byte[] message =
                RawClient.message(3, RawClient.DMA_MAP, 0, RawClient.dmaMap(3, 0, 0, 4096));
        for (int split = 1; split < message.length; split++) {
            client.send(Arrays.copyOf(message, split), memory(4096 + split));
            Thread.sleep(1); // so that it arrives alone
            client.send(Arrays.copyOfRange(message, split, message.length));
            client.receive().succeeded(0);
            assertThat(device.calls)
                    .endsWith("map 0x0 0x1000 READ_WRITE size " + (4096 + split) + " 0x0");
        }
    }

    @Test
    void shouldTakeAThousandMessagesInOneWrite() {
        var client = negotiated();
        var messages = new byte[1000][];
        for (int i = 0; i < 1000; i++) {
            messages[i] =
                    RawClient.message(
                            i, RawClient.REGION_READ, 0, RawClient.regionRead(0, i * 4L, 4));
        }
        client.send(Bytes.join(messages));
        for (int i = 0; i < 1000; i++) {
            assertThat(client.receive().succeeded(20).id()).isEqualTo(i);
        }
    }

    @Test
    void shouldGiveDescriptorsToTheMessageTheyCameWithWhenOthersAreGluedBefore() {
        var client = negotiated();
        byte[] write =
                RawClient.message(
                        1, RawClient.REGION_WRITE, RawClient.NO_REPLY, RawClient.regionWrite(0, 0));
        var messages = new ArrayList<byte[]>();
        for (int before = 0; before < 40; before++) {
            // All in one turn of the server, most likely: some without, then one with.
            for (int i = 0; i < before; i++) {
                messages.add(write);
            }
            client.send(Bytes.join(messages.toArray(byte[][]::new)));
            messages.clear();
            client.send(
                    RawClient.message(2, RawClient.DMA_MAP, 0, RawClient.dmaMap(1, 0, 0, 4096)),
                    memory(4096 + before));
            client.send(
                    RawClient.message(3, RawClient.DMA_MAP, 0, RawClient.dmaMap(2, 0, 0, 4096)));
            client.receive().succeeded(0);
            client.receive().succeeded(0);
            int n = device.calls.size();
            assertThat(device.calls.subList(n - 2, n))
                    .containsExactly(
                            "map 0x0 0x1000 READ size " + (4096 + before) + " 0x0",
                            "map 0x0 0x1000 WRITE - 0x0");
        }
    }

    @Test
    void shouldGiveDescriptorsToTheLastMessageOfTheSendThatCarriedThem() {
        // One sendmsg of two messages: where its descriptors belong, the stream cannot tell.
        var client = negotiated();
        byte[] both =
                Bytes.join(
                        RawClient.message(1, RawClient.RESET, 0, new byte[0]),
                        RawClient.message(
                                2, RawClient.DMA_MAP, 0, RawClient.dmaMap(1, 0, 0, 4096)));
        client.send(both, memory(4100));
        client.receive().succeeded(0);
        client.receive().succeeded(0);
        assertThat(device.calls).endsWith("map 0x0 0x1000 READ size 4100 0x0");
    }

    @ParameterizedTest
    @ValueSource(ints = {32 * 1024 - 33, 32 * 1024 - 32, 32 * 1024 - 31, 100_000, 1 << 20})
    void shouldTakeMessagesAroundAndAboveTheReadAhead(int count) {
        device.failOn("writeRegion", new VfioException(Errno.ENOSPC, "seen"));
        var client = negotiated();
        byte[] message =
                RawClient.message(
                        1, RawClient.REGION_WRITE, 0, RawClient.regionWrite(0, 0, new byte[count]));
        byte[] reset = RawClient.message(2, RawClient.RESET, 0, new byte[0]);
        client.send(Bytes.join(reset, message, reset, message, reset));
        client.receive().succeeded(0);
        client.receive().failed(Errno.ENOSPC);
        client.receive().succeeded(0);
        client.receive().failed(Errno.ENOSPC);
        client.receive().succeeded(0);
    }

    @Test
    void shouldNeverSendAHeaderInTwoPieces() {
        var client = negotiated();
        // Replies of 16 to 4,112 bytes, of which the socket takes some 200 KiB.
        int count = 400;
        var sizes = new int[count];
        var messages = new byte[count][];
        for (int i = 0; i < count; i++) {
            sizes[i] = (i * 1_237) % 4096;
            messages[i] =
                    RawClient.message(
                            i, RawClient.REGION_READ, 0, RawClient.regionRead(0, 0, sizes[i]));
        }
        client.send(Bytes.join(messages));
        try (var arena = Arena.ofConfined()) {
            var buffer = arena.allocate(8192);
            for (int i = 0; i < count; i++) {
                int n = -Errno.EAGAIN;
                while (n == -Errno.EAGAIN) { // as QEMU does: 16 bytes, without waiting
                    n = client.receiveSome(buffer, 0, 16, 0x40);
                    Thread.onSpinWait();
                }
                assertThat(n).as("bytes of header %d", i).isEqualTo(16);
                assertThat(Short.toUnsignedInt(buffer.get(ValueLayout.JAVA_SHORT, 0))).isEqualTo(i);
                int body = buffer.get(ValueLayout.JAVA_INT, 4) - 16;
                assertThat(body).isEqualTo(sizes[i] == 0 ? 0 : 16 + sizes[i]);
                for (int at = 0; at < body; ) {
                    int got = client.receiveSome(buffer, at, body - at, 0);
                    assertThat(got).isPositive();
                    at += got;
                }
            }
        }
        client.expectServed();
    }

    @Test
    void shouldNotCutOffAClientWhoseStreamIsAlwaysInTheMiddleOfSomeMessage() {
        var client = connect(ServerOptions.DEFAULTS.withPartialMessageTime(Duration.ofMillis(300)));
        client.negotiate();
        byte[] message = RawClient.message(1, RawClient.RESET, 0, new byte[0]);
        // Each write ends the message before and begins the next, for longer than the deadline.
        long end = System.nanoTime() + 1_000_000_000;
        client.send(Arrays.copyOf(message, 8));
        byte[] shifted = Bytes.join(Arrays.copyOfRange(message, 8, 16), Arrays.copyOf(message, 8));
        while (System.nanoTime() < end) {
            client.send(shifted);
            client.receive().succeeded(0);
        }
        client.send(Arrays.copyOfRange(message, 8, 16));
        client.receive().succeeded(0);
        client.expectServed();
    }

    @Test
    void shouldCloseUnexpectedDescriptorsOnEveryMessageThatTakesNone() {
        var client = negotiated();
        for (int command = 0; command < 20; command++) {
            if (command == RawClient.DMA_MAP || command == RawClient.SET_IRQS) {
                continue;
            }
            for (int n : new int[] {1, 3}) {
                var fds = new Fd[n];
                Arrays.setAll(fds, i -> memory(4096 + i));
                assertThat(client.ask(command, Bytes.of().u32(64).zeros(28).get(), fds).command())
                        .isEqualTo(command);
            }
        }
        client.ask(RawClient.RESET, new byte[0], memory(4096)).succeeded(0);
    }

    @Test
    void shouldCloseAsManyUnexpectedDescriptorsAsLinuxPasses() {
        var client = negotiated();
        Fd file = memory(4096);
        for (int i = 0; i < 20; i++) {
            int id = 1000 + i;
            client.send(
                    RawClient.message(id, RawClient.RESET, 0, new byte[0]),
                    Collections.nCopies(253, file));
            assertThat(client.receive().succeeded(0).id()).isEqualTo(id);
        }
    }

    @Test
    void shouldEndAClientThatSendsDescriptorsWithoutEndForOneMessage() {
        var client = negotiated();
        Fd file = memory(4096);
        byte[] message = RawClient.message(1, RawClient.REGION_READ, 0, new byte[16]);
        List<Fd> most = Collections.nCopies(253, file);
        for (int i = 0; i < 5; i++) {
            if (client.trySend(Arrays.copyOfRange(message, i, i + 1), most) < 0) {
                break;
            }
        }
        client.expectEnd();
    }

    @Test
    void shouldDropDescriptorsOfAMessageThatNeverEnds() {
        var client = negotiated();
        client.send(
                Arrays.copyOf(
                        RawClient.message(1, RawClient.DMA_MAP, 0, RawClient.dmaMap(3, 0, 0, 1)),
                        20),
                memory(4096));
        client.close();
    }

    /** QEMU takes a header that it cannot read at once for the end of the connection. */
    @Test
    void shouldNotSplitAHeaderWhenTheSendBufferIsSmall() {
        for (int count = 1; count <= 16; count++) {
            var pair = UnixSocket.pair();
            pair[0].sendBuffer(1); // the kernel gives its least
            var loop = loop(LoopPolicy.BLOCKING);
            closing(DeviceServer.adopt(loop, _ -> device, pair[0].fd(), ServerOptions.DEFAULTS));
            var client = closing(new RawClient(pair[1]));
            client.negotiate();
            byte[] read =
                    RawClient.message(
                            1, RawClient.REGION_READ, 0, RawClient.regionRead(0, 0, count));
            var burst = new byte[400][];
            Arrays.fill(burst, read);
            client.send(Bytes.join(burst));
            int reply = 32 + count;
            try (var arena = Arena.ofConfined()) {
                var memory = arena.allocate(1 << 16);
                for (long got = 0; got < 400L * reply; ) {
                    int n = client.receiveSome(memory, 0, 1 << 16, 0);
                    assertThat(n).isPositive();
                    got += n;
                    assertThat(got % reply == 0 || got % reply >= 16)
                            .as("%d bytes of replies of %d", got, reply)
                            .isTrue();
                }
            }
        }
    }
}
