package dev.muser.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.linux.UnixSocket;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

/** The second socket, on which the server asks. */
final class TwinSocketTest extends DmaMessagesFixture {
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
}
