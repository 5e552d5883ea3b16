package dev.muser.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.linux.Errno;
import dev.muser.linux.UnixSocket;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Transfers by message, and sessions that end. */
final class DmaEndTest extends DmaMessagesFixture {
    private final List<Integer> ended = new CopyOnWriteArrayList<>();

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
}
