package dev.muser.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.linux.Errno;
import java.util.Arrays;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class DeviceInfoTest extends ServerTest {
    @ParameterizedTest
    @ValueSource(longs = {16, 17, 0xffffffffL})
    void shouldSayWhatTheDeviceIsInSixteenBytes(long argsz) {
        var reply =
                negotiated()
                        .ask(RawClient.GET_INFO, Bytes.of().u32(argsz).zeros(12).get())
                        .succeeded(16);
        assertThat(reply.payload()).isEqualTo(Bytes.of().u32(16).u32(3).u32(9).u32(5).get());
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 1, 15})
    void shouldRefuseASmallerArgsz(long argsz) {
        negotiated()
                .ask(RawClient.GET_INFO, Bytes.of().u32(argsz).zeros(12).get())
                .failed(Errno.EINVAL);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 4, 15})
    void shouldRefuseARequestThatIsCutShort(int length) {
        negotiated()
                .ask(RawClient.GET_INFO, Arrays.copyOf(Bytes.of().u32(16).zeros(12).get(), length))
                .failed(Errno.EINVAL);
    }
}
