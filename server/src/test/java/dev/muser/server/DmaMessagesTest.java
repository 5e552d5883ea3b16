package dev.muser.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.device.EventLoop;
import dev.muser.linux.UnixSocket;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** DMA_READ and DMA_WRITE: the server asks, the client answers. */
final class DmaMessagesTest extends DmaMessagesFixture {
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
    void shouldEndATransferOfNothingAtOnce() throws InterruptedException {
        var client = negotiated();
        whenWritten(() -> port().read(0, MemorySegment.NULL, results::add));
        client.ask(RawClient.REGION_WRITE, kick()).succeeded(16);
        assertThat(results.take()).isZero();
        client.expectServed();
    }
}
