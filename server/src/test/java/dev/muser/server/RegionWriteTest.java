package dev.muser.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.device.VfioException;
import dev.muser.linux.Errno;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class RegionWriteTest extends ServerTest {
    @ParameterizedTest
    @CsvSource({"0, 1", "1, 2", "3, 4", "8, 8", "4095, 1", "0, 4096"})
    void shouldWriteTheBytesAndSayHowMany(long offset, int count) {
        var data = new byte[count];
        for (int i = 0; i < count; i++) {
            data[i] = (byte) (i * 3 + 1);
        }
        var reply =
                negotiated()
                        .ask(RawClient.REGION_WRITE, RawClient.regionWrite(0, offset, data))
                        .succeeded(16);
        assertThat(reply.payload()).isEqualTo(RawClient.regionRead(0, offset, count));
        assertThat(device.bar0.asSlice(offset, count).toArray(ValueLayout.JAVA_BYTE))
                .isEqualTo(data);
    }

    @Test
    void shouldAnswerACountOfNothingWithAHeader() {
        negotiated().ask(RawClient.REGION_WRITE, RawClient.regionWrite(0, 0)).succeeded(0);
        assertThat(device.calls).containsExactly("attach");
    }

    @ParameterizedTest
    @CsvSource({
        // region, offset, count said, bytes sent
        "0, 4096, 1, 1",
        "0, 4095, 2, 2",
        "0, -1, 1, 1",
        "1, 0, 1, 1",
        "9, 0, 1, 1",
        "0, 0, 4, 3",
        "0, 0, 4, 5",
        "0, 0, 0, 1",
        "0, 0, 4294967295, 8",
        "0, 0, 1048577, 8"
    })
    void shouldRefuseWhatIsOutOfBounds(long region, long offset, long count, int sent) {
        var client = negotiated();
        client.ask(
                        RawClient.REGION_WRITE,
                        Bytes.of().u64(offset).u32(region).u32(count).zeros(sent).get())
                .failed(Errno.EINVAL);
        client.expectServed();
    }

    @Test
    void shouldDoPostedWritesInOrderAndSilently() {
        var client = negotiated();
        for (int i = 0; i < 100; i++) {
            client.post(RawClient.REGION_WRITE, RawClient.regionWrite(0, 0, (byte) i));
        }
        client.post(RawClient.REGION_WRITE, RawClient.regionWrite(1, 0, (byte) 1));
        var reply = client.ask(RawClient.REGION_READ, RawClient.regionRead(0, 0, 1));
        assertThat(reply.payload()[16]).isEqualTo((byte) 99);
    }

    @Test
    void shouldTakeTheLargestWriteAndNoLargerOne() {
        device.failOn("writeRegion", new VfioException(Errno.ENOSPC, "seen"));
        var client = negotiated();
        client.ask(RawClient.REGION_WRITE, RawClient.regionWrite(0, 0, new byte[1 << 20]))
                .failed(Errno.ENOSPC);
        client.ask(RawClient.REGION_WRITE, RawClient.regionWrite(0, 0, new byte[(1 << 20) + 1]))
                .failed(Errno.EINVAL);
        client.expectServed();
    }

    @Test
    void shouldPassAnyErrnoOn() {
        device.failOn("writeRegion", new VfioException(0xbeef, "odd"));
        negotiated()
                .ask(RawClient.REGION_WRITE, RawClient.regionWrite(0, 0, (byte) 1))
                .failed(0xbeef);
    }
}
