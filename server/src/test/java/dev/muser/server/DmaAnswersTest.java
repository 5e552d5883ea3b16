package dev.muser.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.linux.Errno;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What clients may answer to DMA_READ and DMA_WRITE, and what they may not. */
final class DmaAnswersTest extends DmaMessagesFixture {
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
}
