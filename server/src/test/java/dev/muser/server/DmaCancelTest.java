package dev.muser.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.linux.Errno;
import java.util.ArrayDeque;
import org.junit.jupiter.api.Test;

/** A reset calls back the transfers by message that have not gone. */
final class DmaCancelTest extends DmaMessagesFixture {
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
}
