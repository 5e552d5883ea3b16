package dev.muser.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.device.IoEventFd;
import dev.muser.linux.Errno;
import dev.muser.linux.EventFd;
import dev.muser.linux.Fd;
import java.util.Arrays;
import java.util.Objects;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class RegionIoFdsTest extends ServerTest {
    private static byte[] request(long argsz, long flags, long index, long count) {
        return Bytes.of().u32(argsz).u32(flags).u32(index).u32(count).get();
    }

    private static byte[] entry(long offset, long size, long fd, long flags, long datamatch) {
        return Bytes.of()
                .u64(offset)
                .u64(size)
                .u32(fd)
                .u32(0)
                .u32(flags)
                .u32(0)
                .u64(0)
                .u64(datamatch)
                .get();
    }

    /** Three entries, newest first, of which two share a descriptor, and one has none. */
    private void threeAndOne() {
        Fd shared = EventFd.create();
        Fd other = EventFd.create();
        device.ioEventFds.add(new IoEventFd(0x40, 4, shared, OptionalLong.empty()));
        device.ioEventFds.add(new IoEventFd(0x30, 8, other, OptionalLong.of(0x1122334455L)));
        device.ioEventFds.add(new IoEventFd(0x20, 0, shared, OptionalLong.of(0)));
        device.ioEventFds.add(new IoEventFd(0x10, 2, null, OptionalLong.empty()));
    }

    @Test
    void shouldListEntriesInTheDevicesOrderWithEachDescriptorOnce() {
        threeAndOne();
        var reply =
                negotiated()
                        .ask(RawClient.GET_REGION_IO_FDS, request(4096, 0, 0, 0))
                        .succeeded(16 + 4 * 48, 2);
        assertThat(reply.payload())
                .isEqualTo(
                        Bytes.join(
                                Bytes.of().u32(16 + 4 * 48).u32(0).u32(0).u32(4).get(),
                                entry(0x40, 4, 0, 0, 0),
                                entry(0x30, 8, 1, 1, 0x1122334455L),
                                entry(0x20, 0, 0, 1, 0),
                                entry(0x10, 2, 0xffffffffL, 0, 0)));
        EventFd.signal(reply.fds().get(1));
        var second = Objects.requireNonNull(device.ioEventFds.get(1).eventFd());
        assertThat(EventFd.take(second)).as("it is the very eventfd").isEqualTo(1);
    }

    @ParameterizedTest
    @CsvSource({"16", "17", "64", "207"})
    void shouldSayHowMuchRoomIsNeededWhenThereIsTooLittle(long argsz) {
        threeAndOne();
        var reply =
                negotiated()
                        .ask(RawClient.GET_REGION_IO_FDS, request(argsz, 0, 0, 0))
                        .succeeded(16, 0);
        assertThat(reply.payload()).isEqualTo(Bytes.of().u32(208).u32(0).u32(0).u32(4).get());
    }

    @Test
    void shouldListAllWithExactlyTheRoomNeeded() {
        threeAndOne();
        negotiated().ask(RawClient.GET_REGION_IO_FDS, request(208, 0, 0, 0)).succeeded(208, 2);
    }

    @Test
    void shouldListNothingForARegionWithoutAny() {
        var reply =
                negotiated()
                        .ask(RawClient.GET_REGION_IO_FDS, request(4096, 0, 1, 0))
                        .succeeded(16, 0);
        assertThat(reply.payload()).isEqualTo(Bytes.of().u32(16).u32(0).u32(1).u32(0).get());
    }

    @Test
    void shouldSendNoMoreDescriptorsThanTheClientTakes() {
        threeAndOne();
        var client = connect();
        client.negotiate("{\"capabilities\":{\"max_msg_fds\":1}}");
        var reply =
                client.ask(RawClient.GET_REGION_IO_FDS, request(4096, 0, 0, 0)).succeeded(208, 1);
        assertThat(reply.u32(16 + 16)).isZero();
        assertThat(reply.u32(16 + 48 + 16)).as("the second has none").isEqualTo(0xffffffffL);
        assertThat(reply.u32(16 + 96 + 16)).as("the third shares the first's").isZero();
    }

    @Test
    void shouldSendNoMoreDescriptorsThanLinuxPasses() {
        for (int i = 0; i < 300; i++) {
            device.ioEventFds.add(new IoEventFd(i, 1, EventFd.create(), OptionalLong.empty()));
        }
        var client = connect();
        client.negotiate("{\"capabilities\":{\"max_msg_fds\":1024}}");
        client.ask(RawClient.GET_REGION_IO_FDS, request(65536, 0, 0, 0))
                .succeeded(16 + 300 * 48, 253);
    }

    @ParameterizedTest
    @CsvSource({"15, 0, 0, 0", "16, 1, 0, 0", "16, 0, 9, 0", "16, 0, 0, 1", "16, 0, 4294967295, 0"})
    void shouldRefuseWhatIsOutOfBounds(long argsz, long flags, long index, long count) {
        negotiated()
                .ask(RawClient.GET_REGION_IO_FDS, request(argsz, flags, index, count))
                .failed(Errno.EINVAL);
    }

    @Test
    void shouldRefuseARequestThatIsCutShort() {
        negotiated()
                .ask(RawClient.GET_REGION_IO_FDS, Arrays.copyOf(request(4096, 0, 0, 0), 15))
                .failed(Errno.EINVAL);
    }
}
