package dev.muser.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.device.VfioException;
import dev.muser.linux.Errno;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class DmaUnmapTest extends ServerTest {
    private static byte[] unmap(long argsz, long flags, long address, long size) {
        return Bytes.of().u32(argsz).u32(flags).u64(address).u64(size).get();
    }

    @Test
    void shouldUnmapAndEchoTheRequest() {
        byte[] request = unmap(24, 0, 0xc0000, 0x2000);
        var reply = negotiated().ask(RawClient.DMA_UNMAP, request).succeeded(24);
        assertThat(reply.payload()).isEqualTo(request);
        assertThat(device.calls).endsWith("unmap 0xc0000 0x2000");
    }

    @Test
    void shouldUnmapAll() {
        byte[] request = unmap(24, 2, 0, 0);
        var reply = negotiated().ask(RawClient.DMA_UNMAP, request).succeeded(24);
        assertThat(reply.payload()).isEqualTo(request);
        assertThat(device.calls).containsExactly("attach", "unmap all");
    }

    @ParameterizedTest
    @CsvSource({"1, 0", "0, 1", "4096, 4096"})
    void shouldRefuseToUnmapAllOfARange(long address, long size) {
        negotiated().ask(RawClient.DMA_UNMAP, unmap(24, 2, address, size)).failed(Errno.EINVAL);
        assertThat(device.calls).containsExactly("attach");
    }

    @ParameterizedTest
    @ValueSource(longs = {3, 4, 8, 0xffffffffL})
    void shouldRefuseOtherFlags(long flags) {
        negotiated().ask(RawClient.DMA_UNMAP, unmap(24, flags, 0, 0)).failed(Errno.EINVAL);
    }

    @Test
    void shouldRefuseADirtyBitmapSinceNothingIsLogged() {
        var client = negotiated();
        byte[] request =
                Bytes.join(unmap(48, 1, 0, 0x1000), Bytes.of().u64(4096).u64(8).zeros(8).get());
        client.ask(RawClient.DMA_UNMAP, request).failed(Errno.EINVAL);
        client.ask(RawClient.DMA_UNMAP, unmap(24, 1, 0, 0x1000)).failed(Errno.EINVAL);
        assertThat(device.calls).containsExactly("attach");
    }

    @ParameterizedTest
    @CsvSource({"0, 22", "23, 22", "24, 0", "25, 0"})
    void shouldWantAnArgszOfAtLeastItsStructure(long argsz, int errno) {
        assertThat(negotiated().ask(RawClient.DMA_UNMAP, unmap(argsz, 0, 0, 4096)).errno())
                .isEqualTo(errno);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 23})
    void shouldRefuseARequestThatIsCutShort(int length) {
        negotiated()
                .ask(RawClient.DMA_UNMAP, Arrays.copyOf(unmap(24, 0, 0, 4096), length))
                .failed(Errno.EINVAL);
    }

    @Test
    void shouldPassOnThatThereIsNoSuchMapping() {
        device.failOn("unmapDma", new VfioException(Errno.ENOENT, "no"));
        var client = negotiated();
        client.ask(RawClient.DMA_UNMAP, unmap(24, 0, 0, 4096)).failed(Errno.ENOENT);
        client.expectServed();
    }
}
