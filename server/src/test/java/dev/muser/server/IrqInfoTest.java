package dev.muser.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.linux.Errno;
import java.util.Arrays;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class IrqInfoTest extends ServerTest {
    private static byte[] request(long argsz, long index) {
        return Bytes.of().u32(argsz).u32(0).u32(index).u32(0).get();
    }

    @ParameterizedTest
    @CsvSource({"0, 7, 1", "1, 1, 4", "2, 1, 2048", "3, 1, 1", "4, 1, 1"})
    void shouldDescribeEachIndex(int index, int flags, int count) {
        var reply = negotiated().ask(RawClient.GET_IRQ_INFO, request(16, index)).succeeded(16);
        assertThat(reply.payload())
                .isEqualTo(Bytes.of().u32(16).u32(flags).u32(index).u32(count).get());
    }

    @ParameterizedTest
    @CsvSource({"16, 5", "16, 4294967295", "15, 0", "0, 0"})
    void shouldRefuseWhatIsOutOfBounds(long argsz, long index) {
        negotiated().ask(RawClient.GET_IRQ_INFO, request(argsz, index)).failed(Errno.EINVAL);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 15})
    void shouldRefuseARequestThatIsCutShort(int length) {
        negotiated()
                .ask(RawClient.GET_IRQ_INFO, Arrays.copyOf(request(16, 0), length))
                .failed(Errno.EINVAL);
    }
}
