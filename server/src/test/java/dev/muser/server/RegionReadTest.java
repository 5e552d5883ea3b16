package dev.muser.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.linux.Errno;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class RegionReadTest extends ServerTest {
    @BeforeEach
    void fill() {
        for (int i = 0; i < FakeDevice.BAR0_SIZE; i++) {
            device.bar0.set(ValueLayout.JAVA_BYTE, i, (byte) (i * 7));
        }
    }

    @ParameterizedTest
    @CsvSource({"0, 1", "1, 2", "3, 4", "8, 8", "4095, 1", "0, 4096", "5, 1000"})
    void shouldReturnTheBytesBehindAnEchoOfTheRequest(long offset, int count) {
        byte[] request = RawClient.regionRead(0, offset, count);
        var reply = negotiated().ask(RawClient.REGION_READ, request).succeeded(16 + count);
        assertThat(Arrays.copyOf(reply.payload(), 16)).isEqualTo(request);
        for (int i = 0; i < count; i++) {
            assertThat(reply.payload()[16 + i]).isEqualTo((byte) ((offset + i) * 7));
        }
        assertThat(device.calls).endsWith("read 0 0x%x %d".formatted(offset, count));
    }

    @Test
    void shouldAnswerACountOfNothingWithAHeader() {
        negotiated().ask(RawClient.REGION_READ, RawClient.regionRead(0, 0, 0)).succeeded(0);
        assertThat(device.calls).containsExactly("attach");
    }

    @ParameterizedTest
    @CsvSource({
        "0, 4096, 1",
        "0, 4095, 2",
        "0, -1, 1",
        "0, -8, 16",
        "0, 9223372036854775807, 1",
        "3, 0, 1",
        "9, 0, 1",
        "4294967295, 0, 1",
        "0, 0, 1048577",
        "0, 0, 4294967295"
    })
    void shouldRefuseWhatIsOutOfBounds(long region, long offset, long count) {
        var client = negotiated();
        client.ask(RawClient.REGION_READ, Bytes.of().u64(offset).u32(region).u32(count).get())
                .failed(Errno.EINVAL);
        client.expectServed();
    }

    /** As libvfio-user's client does: what it says of itself is about what it is asked. */
    @Test
    void shouldReadMoreThanTheClientSaidOfItself() {
        var client = connect();
        client.negotiate("{\"capabilities\":{\"max_data_xfer_size\":64}}");
        client.ask(RawClient.REGION_READ, RawClient.regionRead(0, 0, 4096)).succeeded(4112);
        client.ask(RawClient.REGION_WRITE, RawClient.regionWrite(0, 0, new byte[4096]))
                .succeeded(16);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 8, 15})
    void shouldRefuseARequestThatIsCutShort(int length) {
        negotiated()
                .ask(RawClient.REGION_READ, Arrays.copyOf(RawClient.regionRead(0, 0, 4), length))
                .failed(Errno.EINVAL);
    }

    @Test
    void shouldSayNothingWhenNoReplyIsWanted() {
        var client = negotiated();
        client.post(RawClient.REGION_READ, RawClient.regionRead(0, 0, 4));
        client.post(RawClient.REGION_READ, RawClient.regionRead(0, 0, 0));
        client.post(RawClient.REGION_READ, RawClient.regionRead(0, 4096, 4));
        client.post(RawClient.REGION_READ, RawClient.regionRead(99, 0, 4));
        client.post(99, new byte[0]);
        client.expectServed();
    }

    @Test
    void shouldReadTheWholeConfigSpace() {
        negotiated()
                .ask(RawClient.REGION_READ, RawClient.regionRead(7, 0, 256))
                .succeeded(16 + 256);
    }
}
