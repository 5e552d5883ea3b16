package dev.muser.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.linux.Errno;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class RegionWriteMultiTest extends ServerTest {
    private static byte[] write(long offset, long region, long count, long value) {
        return Bytes.of().u64(offset).u32(region).u32(count).u64(value).get();
    }

    private static byte[] multi(long count, byte[]... writes) {
        return Bytes.join(Bytes.of().u64(count).get(), Bytes.join(writes));
    }

    @Test
    void shouldDoAllWritesInOrder() {
        var reply =
                negotiated()
                        .ask(
                                RawClient.WRITE_MULTI,
                                multi(
                                        3,
                                        write(0, 0, 8, 0x1111111111111111L),
                                        write(4, 0, 2, 0x2222),
                                        write(16, 0, 1, 0x33)))
                        .succeeded(8);
        assertThat(reply.u64(0)).isEqualTo(3);
        assertThat(device.bar0.get(ValueLayout.JAVA_LONG, 0)).isEqualTo(0x1111222211111111L);
        assertThat(device.calls)
                .containsExactly("attach", "write 0 0x0 8", "write 0 0x4 2", "write 0 0x10 1");
    }

    @Test
    void shouldTakeTheTwoHundredPostedWritesOfQemu() {
        var client = negotiated();
        var writes = new byte[200][];
        for (int i = 0; i < 200; i++) {
            writes[i] = write(i * 4L, 0, 4, i);
        }
        client.post(RawClient.WRITE_MULTI, multi(200, writes));
        client.expectServed();
        assertThat(device.bar0.get(ValueLayout.JAVA_INT, 199 * 4)).isEqualTo(199);
    }

    @Test
    void shouldSayHowManyWereDoneBeforeTheOneRefused() {
        var reply =
                negotiated()
                        .ask(
                                RawClient.WRITE_MULTI,
                                multi(
                                        3,
                                        write(0, 0, 1, 1),
                                        write(4096, 0, 1, 1),
                                        write(1, 0, 1, 1)))
                        .succeeded(8);
        assertThat(reply.u64(0)).isEqualTo(1);
        assertThat(device.calls).doesNotContain("write 0 0x1 1");
    }

    @Test
    void shouldPassTheErrnoOnWhenTheFirstIsRefused() {
        negotiated()
                .ask(RawClient.WRITE_MULTI, multi(2, write(4096, 0, 1, 1), write(0, 0, 1, 1)))
                .failed(Errno.EINVAL);
    }

    @Test
    void shouldDoNothingForNoWrites() {
        assertThat(negotiated().ask(RawClient.WRITE_MULTI, multi(0)).succeeded(8).u64(0)).isZero();
    }

    @ParameterizedTest
    @CsvSource({"0, 0, 9", "0, 9, 1", "0, 4294967295, 1", "0, 0, 4294967295"})
    void shouldDoNothingWhenOneOfThemIsNonsense(long offset, long region, long count) {
        negotiated()
                .ask(
                        RawClient.WRITE_MULTI,
                        multi(2, write(0, 0, 1, 1), write(offset, region, count, 1)))
                .failed(Errno.EINVAL);
        assertThat(device.calls).containsExactly("attach");
    }

    @ParameterizedTest
    @CsvSource({"2", "4294967296", "-1", "768614336404564651"})
    void shouldRefuseACountAboveWhatWasSent(long count) {
        negotiated()
                .ask(RawClient.WRITE_MULTI, multi(count, write(0, 0, 1, 1)))
                .failed(Errno.EINVAL);
        assertThat(device.calls).containsExactly("attach");
    }

    @ParameterizedTest
    @CsvSource({"0", "7"})
    void shouldRefuseARequestThatIsCutShort(int length) {
        negotiated()
                .ask(RawClient.WRITE_MULTI, Arrays.copyOf(multi(0), length))
                .failed(Errno.EINVAL);
    }

    @Test
    void shouldRefuseItWhenItWasNotAgreed() {
        var client = connect();
        client.negotiate("{}");
        client.ask(RawClient.WRITE_MULTI, multi(1, write(0, 0, 1, 1))).failed(Errno.EINVAL);
        assertThat(device.calls).containsExactly("attach");
    }
}
