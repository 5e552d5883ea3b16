package dev.muser.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.device.DmaPort;
import dev.muser.device.EventLoop;
import dev.muser.linux.Errno;
import dev.muser.linux.MessageSender;
import dev.muser.linux.UnixSocket;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** DMA_READ and DMA_WRITE: the server asks, the client answers. */
final class DmaMessagesTest extends ServerTest {
    private static final String TWIN = "{\"capabilities\":{\"twin_socket\":{\"supported\":true}}}";

    private final LinkedBlockingQueue<Integer> results = new LinkedBlockingQueue<>();
    private final List<Integer> ended = new CopyOnWriteArrayList<>();

    private DmaPort port() {
        return Objects.requireNonNull(device.port);
    }

    /** Has the next write to the device start what {@code transfer} does. */
    private void whenWritten(Runnable transfer) {
        device.when(
                "writeRegion",
                () -> {
                    device.behaveAgain();
                    transfer.run();
                });
    }

    private static byte[] kick() {
        return RawClient.regionWrite(0, 0, (byte) 1);
    }

    private static MemorySegment memory(int size) {
        var memory = Arena.ofAuto().allocate(size);
        for (int i = 0; i < size; i++) {
            memory.set(ValueLayout.JAVA_BYTE, i, (byte) (i * 31 + (i >> 8)));
        }
        return memory;
    }

    private static Message expect(RawClient client, int command, long address, long count) {
        var request = client.receive();
        assertThat(request.command()).isEqualTo(command);
        assertThat(request.flags()).as("a command that wants a reply").isZero();
        assertThat(request.u64(0)).isEqualTo(address);
        assertThat(request.u64(8)).isEqualTo(count);
        assertThat(request.payload())
                .hasSize(command == RawClient.DMA_READ ? 16 : (int) (16 + count));
        return request;
    }

    private static void answer(RawClient client, Message request, byte[] payload) {
        client.send(RawClient.message(request.id(), request.command(), Message.REPLY, payload));
    }

    private static void fail(RawClient client, Message request, int errno) {
        client.send(
                Bytes.of()
                        .u16(request.id())
                        .u16(request.command())
                        .u32(16)
                        .u32(Message.ERROR_REPLY)
                        .u32(errno)
                        .get());
    }

    private static byte[] head(Message request) {
        return Arrays.copyOf(request.payload(), 16);
    }

    @Test
    void shouldReplyFirstAndThenRead() throws InterruptedException {
        var client = negotiated();
        var into = memory(100);
        whenWritten(() -> port().read(0x1234, into, results::add));
        client.ask(RawClient.REGION_WRITE, kick()).succeeded(16);
        var request = expect(client, RawClient.DMA_READ, 0x1234, 100);
        var data = new byte[100];
        Arrays.fill(data, (byte) 0x5a);
        answer(client, request, Bytes.join(head(request), data));
        assertThat(results.take()).isZero();
        assertThat(into.toArray(ValueLayout.JAVA_BYTE)).isEqualTo(data);
        client.expectServed();
    }

    @Test
    void shouldReplyFirstAndThenWrite() throws InterruptedException {
        var client = negotiated();
        var from = memory(100);
        whenWritten(() -> port().write(-4096, from, results::add));
        client.ask(RawClient.REGION_WRITE, kick()).succeeded(16);
        var request = expect(client, RawClient.DMA_WRITE, -4096, 100);
        assertThat(Arrays.copyOfRange(request.payload(), 16, 116))
                .isEqualTo(from.toArray(ValueLayout.JAVA_BYTE));
        answer(client, request, head(request));
        assertThat(results.take()).isZero();
    }

    @Test
    void shouldTransferWhatATaskOutsideOfAnyRequestAsksFor() throws InterruptedException {
        shouldTransferOutsideOfAnyRequest(EventLoop::execute);
    }

    @Test
    void shouldTransferWhatAPollerAsksForThatFoundNoWork() throws InterruptedException {
        shouldTransferOutsideOfAnyRequest((loop, task) ->
                loop.execute(() -> {
                    var once = new AtomicReference<@Nullable Runnable>(task);
                    loop.poll(() -> {
                        var transfer = once.getAndSet(null);
                        if (transfer != null) {
                            transfer.run();
                        }
                        return false;
                    });
                }));
    }

    private void shouldTransferOutsideOfAnyRequest(BiConsumer<EventLoop, Runnable> way)
            throws InterruptedException {
        var loop = loop(LoopPolicy.BLOCKING);
        var client = connect(loop, device, ServerOptions.DEFAULTS);
        client.negotiate();
        // On the bare loop nothing would be sent: the device's own loop sees to it.
        var made = new AtomicReference<EventLoop>();
        var other = anotherDevice();
        var pair = UnixSocket.pair();
        closing(
                DeviceServer.adopt(
                        loop,
                        given -> {
                            made.set(given);
                            return other;
                        },
                        pair[0].fd(),
                        ServerOptions.DEFAULTS));
        var second = closing(new RawClient(pair[1]));
        second.negotiate();
        way.accept(
                made.get(),
                () -> Objects.requireNonNull(other.port).write(8, memory(4), results::add));
        var request = expect(second, RawClient.DMA_WRITE, 8, 4);
        answer(second, request, head(request));
        assertThat(results.take()).isZero();
        client.expectServed();
    }

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

    @Test
    void shouldTakeAnswersInAnyOrderBetweenTheClientsOwnCommands() throws InterruptedException {
        var client = negotiated();
        whenWritten(() -> {
            for (int i = 0; i < 4; i++) {
                int number = i;
                port().write(i, memory(1), errno -> results.add(number * 100 + errno));
            }
        });
        client.ask(RawClient.REGION_WRITE, kick()).succeeded(16);
        var requests = new Message[4];
        Arrays.setAll(requests, i -> expect(client, RawClient.DMA_WRITE, i, 1));
        for (int i : new int[] {2, 0, 3, 1}) {
            client.expectServed();
            answer(client, requests[i], head(requests[i]));
            assertThat(results.take()).isEqualTo(i * 100);
        }
        client.expectServed();
    }

    @ParameterizedTest
    @CsvSource({"14, 14", "0, 22", "4097, 22", "104, 104"})
    void shouldPassTheClientsErrnoOn(int sent, int expected) throws InterruptedException {
        var client = negotiated();
        whenWritten(() -> port().read(0, memory(8), results::add));
        client.ask(RawClient.REGION_WRITE, kick()).succeeded(16);
        fail(client, expect(client, RawClient.DMA_READ, 0, 8), sent);
        assertThat(results.take()).isEqualTo(expected);
        client.expectServed();
    }

    @Test
    void shouldAskForNoMoreOfATransferThatHasFailed() throws InterruptedException {
        var client = negotiated();
        whenWritten(() -> {
            port().read(0, memory(16 * 32768), results::add);
            port().write(7, memory(1), results::add);
        });
        client.ask(RawClient.REGION_WRITE, kick()).succeeded(16);
        var requests = new Message[8];
        Arrays.setAll(requests, i -> expect(client, RawClient.DMA_READ, i * 32768L, 32768));
        fail(client, requests[0], Errno.EFAULT);
        var next = expect(client, RawClient.DMA_WRITE, 7, 1);
        for (int i = 1; i < 8; i++) {
            answer(client, requests[i], Bytes.join(head(requests[i]), new byte[32768]));
        }
        assertThat(results.take()).isEqualTo(Errno.EFAULT);
        answer(client, next, head(next));
        assertThat(results.take()).isZero();
    }

    @ParameterizedTest
    @CsvSource({
        // what is added to: address, count, length of the data
        "1, 0, 0",
        "0, 1, 0",
        "0, -1, 0",
        "0, 0, 1",
        "0, 0, -1",
        "0, 0, -8",
    })
    void shouldFailATransferThatIsAnsweredWithNonsense(int address, int count, int length)
            throws InterruptedException {
        var client = negotiated();
        var into = memory(8);
        byte[] before = into.toArray(ValueLayout.JAVA_BYTE);
        whenWritten(() -> port().read(0x1000, into, results::add));
        client.ask(RawClient.REGION_WRITE, kick()).succeeded(16);
        var request = expect(client, RawClient.DMA_READ, 0x1000, 8);
        answer(
                client,
                request,
                Bytes.of().u64(0x1000 + address).u64(8 + count).zeros(8 + length).get());
        assertThat(results.take()).isEqualTo(Errno.EIO);
        assertThat(into.toArray(ValueLayout.JAVA_BYTE)).isEqualTo(before);
        client.expectServed();
    }

    @Test
    void shouldRefuseAnswersToWhatWasNotAsked() throws InterruptedException {
        var client = negotiated();
        whenWritten(() -> port().read(0x1000, memory(8), results::add));
        client.ask(RawClient.REGION_WRITE, kick()).succeeded(16);
        var request = expect(client, RawClient.DMA_READ, 0x1000, 8);
        byte[] whole = Bytes.join(head(request), new byte[8]);
        client.send(RawClient.message(request.id() + 1, RawClient.DMA_READ, 1, whole));
        client.receive().failed(Errno.EINVAL);
        client.send(RawClient.message(request.id(), RawClient.DMA_WRITE, 1, whole));
        client.receive().failed(Errno.EINVAL);
        assertThat(results).isEmpty();
        answer(client, request, whole);
        assertThat(results.take()).isZero();
        answer(client, request, whole);
        client.receive().failed(Errno.EINVAL);
        client.expectServed();
        assertThat(results).isEmpty();
    }

    @Test
    void shouldEndEachTransferOnceWhenTheClientIsGone() throws InterruptedException {
        var client = negotiated();
        whenWritten(() -> {
            for (int i = 0; i < 10; i++) {
                int number = i;
                port().read(
                                i * 0x1000000L,
                                memory(3 * 32768),
                                errno -> {
                                    assertThat(errno).isEqualTo(Errno.ECONNRESET);
                                    ended.add(number);
                                });
            }
        });
        client.ask(RawClient.REGION_WRITE, kick()).succeeded(16);
        var first = expect(client, RawClient.DMA_READ, 0, 32768);
        // The very errno that the server has for a client that is gone.
        fail(client, first, Errno.ECONNRESET);
        for (int i = 1; i < 4; i++) {
            expect(client, RawClient.DMA_READ, i < 3 ? i * 32768L : 0x1000000, 32768);
        }
        client.close();
        while (!device.closed) {
            Thread.sleep(1);
        }
        assertThat(ended).containsExactly(0, 1, 2, 3, 4, 5, 6, 7, 8, 9);
        assertThat(device.calls).endsWith("detach");
    }

    @Test
    void shouldEndAllTransfersAndTheSessionThoughACompletionThrows() throws InterruptedException {
        var client = negotiated();
        whenWritten(() -> {
            for (int i = 0; i < 8; i++) {
                int number = i;
                port().read(
                                i,
                                memory(1),
                                _ -> {
                                    ended.add(number);
                                    throw new IllegalStateException("completion " + number);
                                });
            }
        });
        client.ask(RawClient.REGION_WRITE, kick()).succeeded(16);
        client.close();
        while (!device.closed) {
            Thread.sleep(1);
        }
        assertThat(ended).containsExactly(0, 1, 2, 3, 4, 5, 6, 7);
        assertThat(device.calls).endsWith("detach");
    }

    @Test
    void shouldFailAtOnceWhatIsAskedWithoutAClient() throws InterruptedException {
        var client = negotiated();
        client.expectServed();
        var kept = port();
        client.close();
        while (!device.closed) {
            Thread.sleep(1);
        }
        kept.read(0, memory(4), results::add);
        kept.write(0, memory(4), results::add);
        assertThat(results).containsExactly(Errno.ECONNRESET, Errno.ECONNRESET);
    }

    @Test
    void shouldEndATransferOfNothingAtOnce() throws InterruptedException {
        var client = negotiated();
        whenWritten(() -> port().read(0, MemorySegment.NULL, results::add));
        client.ask(RawClient.REGION_WRITE, kick()).succeeded(16);
        assertThat(results.take()).isZero();
        client.expectServed();
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void shouldEndOnlyTheSessionWhenACompletionThrows(boolean onTwin) {
        var loop = loop(LoopPolicy.BLOCKING);
        var neighbour = connect(loop, anotherDevice(), ServerOptions.DEFAULTS);
        neighbour.negotiate();
        var client = connect(loop, device, ServerOptions.DEFAULTS);
        var reply = client.negotiate(onTwin ? TWIN : "{}");
        var asked =
                onTwin ? closing(new RawClient(UnixSocket.adopt(reply.fds().getFirst()))) : client;
        whenWritten(() ->
                port().write(
                                0,
                                memory(4),
                                _ -> {
                                    throw new AssertionError("as a device may");
                                }));
        client.ask(RawClient.REGION_WRITE, kick()).succeeded(16);
        var request = expect(asked, RawClient.DMA_WRITE, 0, 4);
        answer(asked, request, head(request));
        client.expectEnd(); // and no second reply to the command before
        neighbour.expectServed();
    }

    @Test
    void shouldEndOnlyTheSessionWhenTheDevicesMemoryIsGone() {
        var loop = loop(LoopPolicy.BLOCKING);
        var neighbour = connect(loop, anotherDevice(), ServerOptions.DEFAULTS);
        neighbour.negotiate();
        var client = connect(loop, device, ServerOptions.DEFAULTS);
        client.negotiate();
        whenWritten(() -> {
            MemorySegment gone;
            try (var arena = Arena.ofConfined()) {
                gone = arena.allocate(8);
            }
            port().write(0, gone, results::add);
        });
        client.ask(RawClient.REGION_WRITE, kick()).succeeded(16);
        client.expectEnd();
        neighbour.expectServed();
    }

    @Test
    void shouldAskOnTheTwinSocketWhenThereIsOne() throws InterruptedException {
        var client = connect();
        var twinFd = client.negotiate(TWIN).fds().getFirst();
        var twin = closing(new RawClient(UnixSocket.adopt(twinFd)));
        var into = memory(3 * 32768);
        whenWritten(() -> port().read(0, into, results::add));
        client.ask(RawClient.REGION_WRITE, kick()).succeeded(16);
        for (int i = 0; i < 3; i++) {
            var request = expect(twin, RawClient.DMA_READ, i * 32768L, 32768);
            client.expectServed(); // the main socket is free
            answer(twin, request, Bytes.join(head(request), new byte[32768]));
        }
        assertThat(results.take()).isZero();
        assertThat(into.get(ValueLayout.JAVA_BYTE, 100)).isZero();
    }

    @Test
    void shouldEndTheSessionWhenTheTwinSocketIsClosedOrMisused() {
        for (int i = 0; i < 3; i++) {
            var another = anotherDevice();
            var client = connect(loop(LoopPolicy.BLOCKING), another, ServerOptions.DEFAULTS);
            var twin = new RawClient(UnixSocket.adopt(client.negotiate(TWIN).fds().getFirst()));
            try (twin) {
                if (i == 1) {
                    twin.command(RawClient.RESET, 0, new byte[0]);
                } else if (i == 2) {
                    twin.send(RawClient.message(1, RawClient.DMA_READ, 3, 1, new byte[0]));
                }
                if (i > 0) {
                    client.expectEnd();
                }
            }
            if (i == 0) {
                client.expectEnd();
            }
        }
    }

    @Test
    void shouldNotSendAfterAResetWhatWasAskedForBefore() throws InterruptedException {
        whenWritten(() -> {
            for (int i = 0; i < 20; i++) {
                port().write(i, memory(1), results::add);
            }
        });
        var client = negotiated();
        client.ask(RawClient.REGION_WRITE, kick()).succeeded(16);
        var gone = new ArrayDeque<Message>();
        for (int i = 0; i < 8; i++) {
            gone.add(expect(client, RawClient.DMA_WRITE, i, 1));
        }
        device.when("reset", () -> port().cancel());
        client.ask(RawClient.RESET, new byte[0]).succeeded(0);
        for (int i = 8; i < 20; i++) {
            assertThat(results.take()).isEqualTo(Errno.ECANCELED);
        }
        for (var request : gone) {
            answer(client, request, head(request));
            assertThat(results.take()).isZero();
        }
        client.expectServed(); // by the next message, which is none of the others
    }

    @Test
    void shouldEndATransferThatAResetHasCutWhenWhatHasGoneIsAnswered() throws InterruptedException {
        whenWritten(() -> port().read(0, memory(9 * 32 * 1024), results::add));
        var client = negotiated();
        client.ask(RawClient.REGION_WRITE, kick()).succeeded(16);
        var gone = new ArrayDeque<Message>();
        for (int i = 0; i < 8; i++) {
            gone.add(expect(client, RawClient.DMA_READ, i * 32L * 1024, 32 * 1024));
        }
        device.when("reset", () -> port().cancel());
        client.ask(RawClient.RESET, new byte[0]).succeeded(0);
        for (var request : gone) {
            assertThat(results).isEmpty(); // their memory is still the port's
            answer(client, request, Bytes.join(head(request), new byte[32 * 1024]));
        }
        assertThat(results.take()).isEqualTo(Errno.ECANCELED);
        client.expectServed();
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
