package dev.muser.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.linux.Errno;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** DEVICE_FEATURE DMA_LOGGING_*, and the bitmap of DMA_UNMAP. */
final class DmaLoggingTest extends ServerTest {
    private static final int GET = 1 << 16;
    private static final int SET = 1 << 17;
    private static final int PROBE = 1 << 18;
    private static final int START = 6;
    private static final int STOP = 7;
    private static final int REPORT = 8;

    @BeforeEach
    void logs() {
        device.dirtyLog = new FakeDirtyLog(device.calls);
    }

    private static byte[] feature(long argsz, long flags, byte... data) {
        return Bytes.join(Bytes.of().u32(argsz).u32(flags).get(), data);
    }

    private static byte[] start(long pageSize, long... ranges) {
        var data = Bytes.of().u64(pageSize).u32(ranges.length / 2).u32(0);
        for (long number : ranges) {
            data.u64(number);
        }
        byte[] bytes = data.get();
        return feature(8 + bytes.length, SET | START, bytes);
    }

    private static byte[] report(long argsz, long iova, long length, long pageSize) {
        return feature(argsz, GET | REPORT, Bytes.of().u64(iova).u64(length).u64(pageSize).get());
    }

    private RawClient logging() {
        var client = negotiated();
        client.ask(RawClient.FEATURE, start(4096)).succeeded(24);
        device.calls.clear();
        return client;
    }

    @Test
    void shouldStartAndEchoTheRequest() {
        byte[] request = start(8192, 0x1000, 0x2000, -0x1000, 0x1000);
        var reply = negotiated().ask(RawClient.FEATURE, request).succeeded(request.length);
        assertThat(reply.payload()).isEqualTo(request);
        assertThat(device.calls)
                .last()
                .isEqualTo(
                        "log by 8192: [Range[iova=4096, length=8192], Range[iova=-4096,"
                                + " length=4096]]");
    }

    /** The kernel's has none, the specification's is that of the start. */
    @Test
    void shouldStopWhateverTheDataAre() {
        var client = logging();
        byte[] bare = feature(8, SET | STOP);
        assertThat(client.ask(RawClient.FEATURE, bare).succeeded(8).payload()).isEqualTo(bare);
        byte[] control = feature(24, SET | STOP, Bytes.of().u64(0).u32(7).u32(0).get());
        assertThat(client.ask(RawClient.FEATURE, control).succeeded(24).payload())
                .isEqualTo(control);
        assertThat(device.calls).containsExactly("log no more", "log no more");
    }

    @ParameterizedTest
    @CsvSource({"40, 0x1000, 1", "4096, 0x1000, 1", "40, 0x40000, 1", "48, 0x40001, 2"})
    void shouldReportInWholeWords(long argsz, String length, int words) {
        long bytes = Long.decode(length);
        int size = 32 + 8 * words;
        var reply =
                logging()
                        .ask(RawClient.FEATURE, report(argsz, 0x7000, bytes, 4096))
                        .succeeded(size);
        byte[] expected = Bytes.join(report(size, 0x7000, bytes, 4096), new byte[8 * words]);
        Arrays.fill(expected, 32, size, (byte) 0xff);
        assertThat(reply.payload()).isEqualTo(expected);
    }

    /** However little a client takes of data at once: that is about transfers. */
    @Test
    void shouldReportMoreThanATransferMayHave() {
        var client = connect();
        client.negotiate("{\"capabilities\":{\"max_data_xfer_size\":1024}}");
        client.ask(RawClient.FEATURE, start(4096)).succeeded(24);
        client.ask(RawClient.FEATURE, report(1 << 20, 0, 1L << 30, 4096)).succeeded(32 + (1 << 15));
    }

    @ParameterizedTest
    @ValueSource(ints = {PROBE | SET | START, PROBE | SET | STOP, PROBE | GET | REPORT})
    void shouldEchoAProbe(int flags) {
        byte[] request = feature(8, flags);
        var reply = negotiated().ask(RawClient.FEATURE, request).succeeded(8);
        assertThat(reply.payload()).isEqualTo(request);
        assertThat(device.calls).containsExactly("attach");
    }

    @ParameterizedTest
    @ValueSource(
            ints = {
                GET | START,
                GET | STOP,
                SET | REPORT,
                PROBE | GET | START,
                PROBE | GET | SET | REPORT,
                PROBE | SET | REPORT,
                SET | 5,
                SET | 9
            })
    void shouldRefuseAMethodThatIsNotThere(int flags) {
        var client = logging();
        client.ask(RawClient.FEATURE, feature(64, flags, new byte[24])).failed(Errno.EINVAL);
        assertThat(device.calls).isEmpty();
        client.expectServed();
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 3, 4097, -1, 1L << 31, Long.MIN_VALUE})
    void shouldRefuseSuchAPageSize(long pageSize) {
        var client = negotiated();
        client.ask(RawClient.FEATURE, start(pageSize)).failed(Errno.EINVAL);
        client.ask(RawClient.FEATURE, report(4096, 0, 4096, 4096)).failed(Errno.EINVAL);
        client.expectServed();
    }

    @Test
    void shouldRefuseAStartThatIsNotWhole() {
        var client = negotiated();
        byte[] request = start(4096, 0x1000, 0x1000);
        for (int length = 8; length < request.length; length++) {
            client.ask(RawClient.FEATURE, Arrays.copyOf(request, length)).failed(Errno.EINVAL);
        }
        byte[] many = request.clone();
        Arrays.fill(many, 16, 20, (byte) 0xff);
        client.ask(RawClient.FEATURE, many).failed(Errno.EINVAL);
        byte[] room = request.clone();
        room[0] = (byte) (request.length - 1);
        client.ask(RawClient.FEATURE, room).failed(Errno.EINVAL);
        client.ask(RawClient.FEATURE, start(4096, -0x1000, 0x1001)).failed(Errno.EINVAL);
        assertThat(device.calls).containsExactly("attach");
        client.expectServed();
    }

    @ParameterizedTest
    @CsvSource({
        "39, 0, 0x1000, 4096", // no room for the bitmap
        "40, 0, 0x40001, 4096",
        "31, 0, 0x1000, 4096", // nor for the structure
        "8, 0, 0x1000, 4096",
        "4096, 0, 0x1000, 0",
        "4096, 0, 0x1000, 3",
        "4096, 0, 0x1000, 0x2000", // a page larger than the range
        "4096, 0, 0, 1",
        "4294967295, 0, 0x800000000000, 4096", // 2^47 bytes: a bitmap of 4 GiB
        "4294967295, 0, 0x2000000000, 4096", // and one of 4 MiB
        "4294967295, 0, 0x7fffffffffffffff, 1",
        "4096, 0x7ffffffffffff000, 0x7fffffffffffffff, 0x4000000000000000"
    })
    void shouldRefuseAReport(long argsz, String iova, String length, String pageSize) {
        var client = logging();
        long address = iova.startsWith("0x7") ? -0x1000 : Long.decode(iova);
        client.ask(
                        RawClient.FEATURE,
                        report(argsz, address, Long.decode(length), Long.decode(pageSize)))
                .failed(Errno.EINVAL);
        assertThat(device.calls).isEmpty();
        client.expectServed();
    }

    @Test
    void shouldRefuseAReportThatIsNotWhole() {
        var client = logging();
        byte[] request = report(4096, 0, 0x1000, 4096);
        for (int length = 8; length < request.length; length++) {
            client.ask(RawClient.FEATURE, Arrays.copyOf(request, length)).failed(Errno.EINVAL);
        }
        assertThat(device.calls).isEmpty();
    }

    @Test
    void shouldRefuseToLogForADeviceThatCannot() {
        device.dirtyLog = null;
        var client = negotiated();
        client.ask(RawClient.FEATURE, start(4096)).failed(Errno.EINVAL);
        client.ask(RawClient.FEATURE, feature(8, PROBE | GET | REPORT)).failed(Errno.EINVAL);
        client.expectServed();
    }

    // --- DMA_UNMAP

    private static byte[] unmap(long argsz, long size, long pageSize, long bytes) {
        return Bytes.of().u32(argsz).u32(1).u64(0x10000).u64(size).u64(pageSize).u64(bytes).get();
    }

    @Test
    void shouldReportWhatItUnmaps() {
        byte[] request = unmap(56, 0x41000, 4096, 16);
        var reply = logging().ask(RawClient.DMA_UNMAP, request).succeeded(56);
        byte[] expected = Arrays.copyOf(request, 56);
        Arrays.fill(expected, 40, 56, (byte) 0xff);
        assertThat(reply.payload()).isEqualTo(expected);
        assertThat(device.calls)
                .containsExactly("unmap 0x10000 0x41000", "report 0x10000 0x41000 by 4096");
    }

    @ParameterizedTest
    @CsvSource({
        "55, 0x41000, 4096, 16", // no room for the bitmap
        "39, 0x41000, 4096, 16",
        "4096, 0x41000, 4096, 8", // a bitmap of another size
        "4096, 0x41000, 4096, 24",
        "4096, 0x41000, 0, 16",
        "4096, 0x41000, 3, 16",
        "4096, 0x1000, 8192, 8", // a page larger than the mapping
        "4294967295, 0x800000000000, 4096, 4294967296"
    })
    void shouldRefuseSuchABitmapAndUnmapNothing(
            long argsz, String size, long pageSize, long bytes) {
        var client = logging();
        client.ask(RawClient.DMA_UNMAP, unmap(argsz, Long.decode(size), pageSize, bytes))
                .failed(Errno.EINVAL);
        assertThat(device.calls).isEmpty();
        client.expectServed();
    }

    @Test
    void shouldRefuseABitmapWhenNothingIsLogged() {
        var client = negotiated();
        client.ask(RawClient.DMA_UNMAP, unmap(48, 0x1000, 4096, 8)).failed(Errno.EINVAL);
        assertThat(device.calls).containsExactly("attach");
        client.expectServed();
    }
}
