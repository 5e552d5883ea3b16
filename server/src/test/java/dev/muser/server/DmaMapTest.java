package dev.muser.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.device.VfioException;
import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class DmaMapTest extends ServerTest {
    @ParameterizedTest
    @CsvSource({"0, NONE", "1, READ", "2, WRITE", "3, READ_WRITE"})
    void shouldMapMemoryWithTheAccessOfTheFlags(int flags, String access) {
        var client = negotiated();
        client.ask(
                        RawClient.DMA_MAP,
                        RawClient.dmaMap(flags, 0x1000, 0xc0000, 0x2000),
                        memory(0x3000))
                .succeeded(0);
        assertThat(device.calls)
                .containsExactly("attach", "map 0xc0000 0x2000 " + access + " size 12288 0x1000");
    }

    @Test
    void shouldMapWithoutDescriptor() {
        var client = negotiated();
        client.ask(RawClient.DMA_MAP, RawClient.dmaMap(1, 0, 0xfffc0000L, 0x40000)).succeeded(0);
        assertThat(device.calls).endsWith("map 0xfffc0000 0x40000 READ - 0x0");
    }

    @Test
    void shouldMapUpToTheEndOfTheAddressSpace() {
        var client = negotiated();
        client.ask(RawClient.DMA_MAP, RawClient.dmaMap(3, 0, -4096, 4096)).succeeded(0);
        client.ask(RawClient.DMA_MAP, RawClient.dmaMap(3, 0, -4096, 4097)).failed(Errno.EINVAL);
        client.ask(RawClient.DMA_MAP, RawClient.dmaMap(3, 0, 1, -1)).succeeded(0);
        client.ask(RawClient.DMA_MAP, RawClient.dmaMap(3, 0, 2, -1)).failed(Errno.EINVAL);
    }

    @Test
    void shouldRefuseAnOffsetThatWraps() {
        var client = negotiated();
        client.ask(RawClient.DMA_MAP, RawClient.dmaMap(3, -4096, 0, 4097), memory(4096))
                .failed(Errno.EINVAL);
    }

    @Test
    void shouldRefuseAMappingOfNothing() {
        negotiated()
                .ask(RawClient.DMA_MAP, RawClient.dmaMap(3, 0, 0, 0), memory(4096))
                .failed(Errno.EINVAL);
    }

    @ParameterizedTest
    @ValueSource(longs = {16, 32, 0x80000000L, 0xffffffffL})
    void shouldRefuseUnknownFlags(long flags) {
        negotiated()
                .ask(RawClient.DMA_MAP, RawClient.dmaMap(flags, 0, 0, 4096), memory(4096))
                .failed(Errno.EINVAL);
    }

    @ParameterizedTest
    @ValueSource(ints = {4, 8})
    void shouldTakeTheFlagsOfLibvfioUserOnlyWithADescriptor(int flag) {
        var client = negotiated();
        byte[] request = RawClient.dmaMap(3 | flag, 0, 0, 4096);
        client.ask(RawClient.DMA_MAP, request).failed(Errno.EINVAL);
        client.ask(RawClient.DMA_MAP, request, memory(4096)).succeeded(0);
    }

    @ParameterizedTest
    @CsvSource({"0, 22", "31, 22", "32, 0", "33, 0", "4294967295, 0"})
    void shouldWantAnArgszOfAtLeastItsStructure(long argsz, int errno) {
        byte[] request = RawClient.dmaMap(3, 0, 0, 4096);
        Bytes.view(request).putInt(0, (int) argsz);
        var reply = negotiated().ask(RawClient.DMA_MAP, request);
        assertThat(reply.errno()).isEqualTo(errno);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 31})
    void shouldRefuseARequestThatIsCutShort(int length) {
        negotiated()
                .ask(RawClient.DMA_MAP, Arrays.copyOf(RawClient.dmaMap(3, 0, 0, 4096), length))
                .failed(Errno.EINVAL);
    }

    @Test
    void shouldRejectDmaMapWithTwoFds() {
        var client = negotiated();
        client.ask(RawClient.DMA_MAP, RawClient.dmaMap(3, 0, 0, 4096), memory(4096), memory(4096))
                .failed(Errno.EINVAL);
        assertThat(device.calls).containsExactly("attach");
        client.expectServed();
    }

    @ParameterizedTest
    @ValueSource(ints = {Errno.EEXIST, Errno.ENOSPC, Errno.ENODEV, 0xbeef})
    void shouldPassTheDevicesErrnoOn(int errno) {
        device.failOn("mapDma", new VfioException(errno, "no"));
        var client = negotiated();
        client.ask(RawClient.DMA_MAP, RawClient.dmaMap(3, 0, 0, 4096), memory(4096)).failed(errno);
        client.expectServed();
    }

    @Test
    void shouldGiveEachOfManyPipelinedMappingsItsOwnDescriptor() {
        var client = negotiated();
        int count = 60;
        for (int i = 0; i < count; i++) {
            byte[] request =
                    RawClient.message(
                            i, RawClient.DMA_MAP, 0, RawClient.dmaMap(3, 0, i * 0x1000L, 0x1000));
            if (i % 3 == 1) {
                client.send(request);
            } else {
                client.send(request, memory(0x1000 + i));
            }
        }
        for (int i = 0; i < count; i++) {
            var reply = client.receive().succeeded(0);
            assertThat(reply.id()).isEqualTo(i);
            assertThat(device.calls.get(1 + i))
                    .isEqualTo(
                            "map 0x%x 0x1000 READ_WRITE %s 0x0"
                                    .formatted(
                                            i * 0x1000, i % 3 == 1 ? "-" : "size " + (0x1000 + i)));
        }
    }

    @Test
    void shouldMapSilentlyWhenNoReplyIsWanted() {
        var client = negotiated();
        client.post(RawClient.DMA_MAP, RawClient.dmaMap(3, 0, 0, 4096), memory(4096));
        client.expectServed();
        assertThat(device.calls).endsWith("map 0x0 0x1000 READ_WRITE size 4096 0x0");
    }

    @Test
    void shouldCloseADescriptorThatTheDeviceNeverSaw() {
        var client = negotiated();
        Fd file = memory(4096);
        for (int i = 0; i < 300; i++) {
            client.ask(RawClient.DMA_MAP, RawClient.dmaMap(16, 0, 0, 4096), file)
                    .failed(Errno.EINVAL);
        }
    }
}
