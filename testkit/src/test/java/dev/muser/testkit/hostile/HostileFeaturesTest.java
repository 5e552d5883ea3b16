package dev.muser.testkit.hostile;

import static dev.muser.testkit.hostile.MigrationRequests.PRE_COPY;
import static dev.muser.testkit.hostile.MigrationRequests.RESUMING;
import static dev.muser.testkit.hostile.MigrationRequests.RUNNING;
import static dev.muser.testkit.hostile.MigrationRequests.STATE;
import static dev.muser.testkit.hostile.MigrationRequests.STOP;
import static dev.muser.testkit.hostile.MigrationRequests.STOP_COPY;
import static dev.muser.testkit.hostile.MigrationRequests.state;
import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.device.pci.Device;
import dev.muser.device.pci.DeviceContext;
import dev.muser.device.pci.Width;
import dev.muser.devices.conformance.Conformance;
import dev.muser.devices.timer.TimerDevice;
import dev.muser.linux.Errno;
import dev.muser.linux.SyscallException;
import dev.muser.server.ServerOptions;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Features and migration (vfio-user, DEVICE_FEATURE, MIG_DATA_READ, MIG_DATA_WRITE). */
class HostileFeaturesTest extends HostileTest {
    private static final int MIGRATION = 1;
    private static final int LOGGING_START = 6;
    private static final int LOGGING_STOP = 7;
    private static final int LOGGING_REPORT = 8;

    private static final int ERROR = 0; // of enum vfio_device_mig_state

    private Path migrating;

    @BeforeEach
    void serveADeviceThatMigrates() {
        migrating = serve(Conformance::new, ServerOptions.DEFAULTS);
    }

    private HostileClient client() {
        return connect(migrating).negotiate();
    }

    @Test
    void shouldRefusePayloadsThatAreShorterThanTheirStructure() {
        var client = client();
        for (int length = 0; length < 8; length++) {
            client.ask(Requests.FEATURE, new byte[length]).failed(Errno.EINVAL);
            client.ask(Requests.MIG_READ, new byte[length]).failed(Errno.EINVAL);
            client.ask(Requests.MIG_WRITE, new byte[length]).failed(Errno.EINVAL);
        }
        for (int length = 0; length < 8; length++) {
            client.ask(
                            Requests.FEATURE,
                            Requests.feature(64, STATE, Requests.SET).zeros(length).get())
                    .failed(Errno.EINVAL);
        }
        for (int length = 0; length < 16; length++) {
            client.ask(
                            Requests.FEATURE,
                            Requests.feature(64, LOGGING_START, Requests.SET).zeros(length).get())
                    .failed(Errno.EINVAL);
        }
        for (int length = 0; length < 24; length++) {
            client.ask(
                            Requests.FEATURE,
                            Requests.feature(4096, LOGGING_REPORT, Requests.GET)
                                    .zeros(length)
                                    .get())
                    .failed(Errno.EINVAL);
        }
        assertThat(state(client)).isEqualTo(RUNNING);
    }

    @Test
    void shouldRefuseEveryArgszThatIsTooSmallForTheReply() {
        var client = client();
        for (long argsz = 0; argsz < 16; argsz++) {
            client.ask(Requests.FEATURE, Requests.feature(argsz, MIGRATION, Requests.GET).get())
                    .failed(Errno.EINVAL);
            client.ask(Requests.FEATURE, Requests.feature(argsz, STATE, Requests.GET).get())
                    .failed(Errno.EINVAL);
        }
        for (long argsz : new long[] {16, 17, 1 << 20, 0x7fff_ffffL, 0x8000_0000L, 0xffff_ffffL}) {
            client.ask(Requests.FEATURE, Requests.feature(argsz, MIGRATION, Requests.GET).get())
                    .succeeded(16);
        }
    }

    @Test
    void shouldRefuseFeaturesAndMethodsThatAreNotThere() {
        var client = client();
        for (int feature : new int[] {0, 3, 4, 5, 9, 10, 255, 0xffff}) {
            for (int method = 0; method < 8; method++) {
                client.ask(
                                Requests.FEATURE,
                                Requests.feature(64, feature, method << 16).zeros(32).get())
                        .failed(Errno.EINVAL);
            }
        }
        client.ask(Requests.FEATURE, Requests.feature(64, STATE, 0).zeros(8).get())
                .failed(Errno.EINVAL);
        client.ask(
                        Requests.FEATURE,
                        Requests.feature(64, STATE, Requests.GET | Requests.SET).zeros(8).get())
                .failed(Errno.EINVAL);
        client.ask(Requests.FEATURE, Requests.feature(64, MIGRATION, Requests.SET).zeros(8).get())
                .failed(Errno.EINVAL);
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 5, 7, 8, 9, 255, 0x7fff_ffffL, 0x8000_0000L, 0xffff_ffffL})
    void shouldRefuseAStateThatCannotBeAndStayWhereItIs(long bad) {
        var client = client();
        for (int from : new int[] {RUNNING, PRE_COPY, STOP, RESUMING, STOP, STOP_COPY}) {
            state(client, from).succeeded(16);
            state(client, bad).failed(Errno.EINVAL);
            assertThat(state(client)).isEqualTo(from);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "0x800000000000", // 2^47
                "0x7fffffffffffffff",
                "0x8000000000000000",
                "0xffffffffffffffff"
            })
    void shouldRefuseAReportOfALengthThatHasNoBitmap(String length) {
        var client = logging();
        long bytes = Long.parseUnsignedLong(length.substring(2), 16);
        for (long argsz : new long[] {32, 4096, 1 << 20, 0x7fff_ffffL, 0xffff_ffffL}) {
            for (long address : new long[] {0, 0x1000, -0x1000}) {
                var reply =
                        client.ask(
                                Requests.FEATURE,
                                Requests.feature(argsz, LOGGING_REPORT, Requests.GET)
                                        .u64(address)
                                        .u64(bytes)
                                        .u64(4096)
                                        .get());
                assertThat(reply.flags()).as("%s", reply).isEqualTo(Requests.ERROR_REPLY);
                assertThat(reply.errno()).isIn(Errno.EINVAL, Errno.ENOENT);
            }
        }
    }

    /** A client of the {@link Puppet} with a page of memory, whose writes are logged. */
    private HostileClient logging() {
        var client = negotiated();
        client.map(0, 0x10000, memory(0x10000));
        client.ask(
                        Requests.FEATURE,
                        Requests.feature(24, LOGGING_START, Requests.SET)
                                .u64(4096)
                                .u32(0)
                                .u32(0)
                                .get())
                .succeeded(24);
        return client;
    }

    private static Reply report(HostileClient client, long address, long length, long page) {
        return client.ask(
                Requests.FEATURE,
                Requests.feature(1 << 16, LOGGING_REPORT, Requests.GET)
                        .u64(address)
                        .u64(length)
                        .u64(page)
                        .get());
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 3, 4095, 4097, 6144, -1, -4096, 0x7fff_ffff_ffff_ffffL})
    void shouldRefuseAPageSizeThatIsNoPowerOfTwo(long page) {
        var client = logging();
        report(client, 0, 0x10000, page).failed(Errno.EINVAL);
        client.ask(Requests.FEATURE, Requests.feature(8, LOGGING_STOP, Requests.SET).get())
                .succeeded(8);
        client.ask(
                        Requests.FEATURE,
                        Requests.feature(24, LOGGING_START, Requests.SET)
                                .u64(page)
                                .u32(0)
                                .u32(0)
                                .get())
                .failed(Errno.EINVAL);
        report(client, 0, 0x10000, 4096).failed(Errno.EINVAL); // nothing is logged
    }

    @Test
    void shouldReportExactlyWhatWasWrittenAfterAllThat() {
        var client = logging();
        report(client, 0, 0x10000, 0).failed(Errno.EINVAL);
        assertThat(Transfers.run(client, Puppet.Order.DMA_WRITE, 0x3000, 8)).isZero();
        var bits = report(client, 0, 0x10000, 4096).succeeded(8 + 24 + 8);
        assertThat(bits.u64(32)).as("one bit for each page written").isEqualTo(1L << 3);
        assertThat(report(client, 0, 0x10000, 4096).succeeded(40).u64(32)).isZero();
    }

    @Test
    void shouldRefuseRangesToLogThatAreNotThere() {
        var client = negotiated();
        for (long ranges : new long[] {1, 2, 4096, 0x7fff_ffffL, 0x8000_0000L, 0xffff_ffffL}) {
            client.ask(
                            Requests.FEATURE,
                            Requests.feature(0xffff_ffffL, LOGGING_START, Requests.SET)
                                    .u64(4096)
                                    .u32(ranges)
                                    .u32(0)
                                    .get())
                    .failed(Errno.EINVAL);
        }
    }

    @Test
    void shouldRefuseDataInStatesWithoutStream() {
        var client = client();
        for (int from : new int[] {RUNNING, STOP, PRE_COPY, STOP_COPY, RESUMING}) {
            state(client, from).succeeded(16);
            var read = client.ask(Requests.MIG_READ, Bytes.of().u32(16).u32(8).get());
            if (from == PRE_COPY || from == STOP_COPY) {
                read.succeeded(16);
            } else {
                read.failed(Errno.EINVAL);
            }
            var write = client.ask(Requests.MIG_WRITE, Bytes.of().u32(16).u32(8).zeros(8).get());
            if (from == RESUMING) {
                write.succeeded(0);
            } else {
                write.failed(Errno.EINVAL);
            }
        }
    }

    @Test
    void shouldRefuseSizesOfDataThatAreNotWhatIsThere() {
        var client = client();
        state(client, RESUMING).succeeded(16);
        for (long size : new long[] {9, 0x7fff_ffffL, 0x8000_0000L, 0xffff_fff8L, 0xffff_ffffL}) {
            client.ask(Requests.MIG_WRITE, Bytes.of().u32(0xffff_ffffL).u32(size).zeros(8).get())
                    .failed(Errno.EINVAL);
        }
        state(client, STOP_COPY).succeeded(16);
        for (long size : new long[] {(1 << 20) + 1, 0x7fff_ffffL, 0x8000_0000L, 0xffff_ffffL}) {
            client.ask(Requests.MIG_READ, Bytes.of().u32(0xffff_ffffL).u32(size).get())
                    .failed(Errno.EINVAL);
        }
        for (long argsz : new long[] {0, 7, 8, 15}) {
            client.ask(Requests.MIG_READ, Bytes.of().u32(argsz).u32(8).get()).failed(Errno.EINVAL);
        }
        client.ask(Requests.MIG_READ, Bytes.of().u32(1 << 21).u32(1 << 20).get())
                .succeeded(8 + (1 << 20));
    }

    @Test
    void shouldRefuseAStreamThatGoesOnBehindItsEnd() {
        var client = client();
        state(client, RESUMING).succeeded(16);
        client.ask(Requests.MIG_WRITE, Bytes.of().u32(10_008).u32(10_000).zeros(10_000).get())
                .succeeded(0);
        client.ask(Requests.MIG_WRITE, Bytes.of().u32(9).u32(1).zeros(1).get())
                .failed(Errno.ENOSPC);
        state(client, RUNNING).succeeded(16);
    }

    /** The timer's stream has 12,296 bytes: BAR1, then the time. */
    @ParameterizedTest
    @ValueSource(ints = {1, 8, 12_287, 12_288, 12_295, 12_297, 20_000})
    void shouldRefuseToRunOnAStreamThatIsTruncated(int length) {
        var timer = serve(TimerDevice::new, ServerOptions.DEFAULTS);
        var client = connect(timer).negotiate();
        state(client, RESUMING).succeeded(16);
        client.ask(Requests.MIG_WRITE, Bytes.of().u32(8L + length).u32(length).zeros(length).get())
                .succeeded(0);
        state(client, RUNNING).failed(Errno.EINVAL);
        assertThat(state(client)).isEqualTo(RESUMING);
        client.close();
        // and the next client has a device that runs
        assertThat(state(connect(timer).negotiate())).isEqualTo(RUNNING);
    }

    /** A device that fails while it becomes another one, as with a disk that is full. */
    private static Device failing(DeviceContext ctx) {
        ctx.identity(0x1234, 0x5678);
        ctx.bar(0, 4096).register("VALUE", 0, Width.U32).readWrite();
        return new Device() {
            @Override
            public void restored() {
                throw new SyscallException("pwrite", Errno.ENOSPC);
            }
        };
    }

    /** (vfio-user, "Device Migration States": a reset leads from ERROR to RUNNING). */
    @Test
    void shouldStayInErrorUntilItIsReset() {
        var client = connect(serve(HostileFeaturesTest::failing, ServerOptions.DEFAULTS));
        client.negotiate();
        state(client, STOP_COPY).succeeded(16);
        var read = client.ask(Requests.MIG_READ, Bytes.of().u32(65_544).u32(65_536).get());
        int length = (int) read.succeeded(65_544).u32(4);
        assertThat(length).as("all of the stream").isLessThan(65_536);
        state(client, RESUMING).succeeded(16);
        var stream = Arrays.copyOf(read.payload(8), length);
        client.ask(Requests.MIG_WRITE, Bytes.of().u32(8L + length).u32(length).raw(stream).get())
                .succeeded(0);
        state(client, RUNNING).failed(Errno.ENOSPC);
        assertThat(state(client)).isEqualTo(ERROR);
        for (int target = 0; target < 8; target++) {
            state(client, target).failed(Errno.EINVAL);
            assertThat(state(client)).isEqualTo(ERROR);
        }
        client.ask(Requests.MIG_READ, Bytes.of().u32(16).u32(8).get()).failed(Errno.EINVAL);
        client.ask(Requests.MIG_WRITE, Bytes.of().u32(16).u32(8).zeros(8).get())
                .failed(Errno.EINVAL);
        client.ask(Requests.RESET, new byte[0]).succeeded(0);
        assertThat(state(client)).isEqualTo(RUNNING);
        client.expectServed();
    }

    @Test
    void shouldRunAgainForTheNextWhateverStateAClientLeavesItIn() {
        for (int state : new int[] {STOP, STOP_COPY, RESUMING, PRE_COPY}) {
            try (var client = HostileClient.connect(migrating).negotiate()) {
                state(client, state).succeeded(16);
                client.send(Requests.message(1, Requests.MIG_READ, 0, new byte[5]));
            }
            try (var next = HostileClient.connect(migrating).negotiate()) {
                assertThat(state(next)).isEqualTo(RUNNING);
            }
        }
    }
}
