package dev.muser.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.device.MigrationState;
import dev.muser.linux.Errno;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What a device answers that a migration has stopped: every command that there is. */
final class StoppedDeviceTest extends ServerTest {
    private static final byte[] NOTHING = {};
    private static final byte[] INFO = Bytes.of().u32(16).zeros(12).get();

    /** A request that a device which runs does, and how long the payload of its reply is. */
    @SuppressWarnings("ArrayRecordComponent") // nobody compares them
    private record Request(int command, byte[] payload, int replyLength) {}

    /** All that are refused. */
    private static final List<Request> REFUSED =
            List.of(
                    new Request(RawClient.DMA_MAP, RawClient.dmaMap(3, 0, 0x10000, 4096), 0),
                    new Request(
                            RawClient.DMA_UNMAP,
                            Bytes.of().u32(24).u32(0).u64(0x10000).u64(4096).get(),
                            24),
                    new Request(RawClient.GET_INFO, INFO, 16),
                    new Request(RawClient.GET_REGION_INFO, Bytes.of().u32(32).zeros(28).get(), 32),
                    new Request(RawClient.GET_REGION_IO_FDS, INFO, 16),
                    new Request(RawClient.GET_IRQ_INFO, INFO, 16),
                    new Request(
                            RawClient.SET_IRQS,
                            Bytes.of().u32(20).u32(0x21).u32(0).u32(0).u32(1).get(),
                            0),
                    new Request(
                            RawClient.WRITE_MULTI,
                            Bytes.of().u64(1).u64(0).u32(0).u32(4).u64(7).get(),
                            8));

    private final FakeMigration migration = new FakeMigration();

    @BeforeEach
    void migratable() {
        device.migration = migration;
    }

    private static byte[] state(int number) {
        return Bytes.of().u32(16).u32(1 << 17 | 2).u32(number).u32(-1).get();
    }

    private static Bytes data(int size) {
        return Bytes.of().u32(8 + size).u32(size);
    }

    @ParameterizedTest
    @EnumSource(names = {"STOP", "STOP_COPY"})
    void shouldRefuseAllElse(MigrationState stopped) {
        var client = negotiated();
        for (var request : REFUSED) {
            client.ask(request.command, request.payload).succeeded(request.replyLength);
        }
        client.ask(RawClient.FEATURE, state(stopped.number())).succeeded(16);
        device.calls.clear();
        for (var request : REFUSED) {
            client.ask(request.command, request.payload).failed(Errno.EINVAL);
        }
        client.ask(RawClient.MIG_WRITE, data(4).zeros(4).get()).failed(Errno.EINVAL);
        for (int command : List.of(0, RawClient.VERSION, 11, 12, 14, 19, 0xffff)) {
            client.ask(command, INFO).failed(Errno.EINVAL); // nor otherwise
        }
        assertThat(device.calls).isEmpty();
        assertThat(migration.incoming.size()).isZero();
        client.ask(RawClient.FEATURE, state(2)).succeeded(16);
        for (var request : REFUSED) {
            client.ask(request.command, request.payload).succeeded(request.replyLength);
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"STOP", "STOP_COPY"})
    void shouldTakeRegionsFeaturesAndAReset(MigrationState stopped) {
        var client = negotiated();
        client.ask(RawClient.FEATURE, state(stopped.number())).succeeded(16);
        client.ask(RawClient.REGION_WRITE, RawClient.regionWrite(0, 0, new byte[4])).succeeded(16);
        client.ask(RawClient.REGION_READ, RawClient.regionRead(0, 0, 4)).succeeded(20);
        client.ask(RawClient.FEATURE, Bytes.of().u32(16).u32(1 << 16 | 1).get()).succeeded(16);
        if (stopped == MigrationState.STOP_COPY) {
            client.ask(RawClient.MIG_READ, data(4).get()).succeeded(12);
        }
        client.ask(RawClient.RESET, NOTHING).succeeded(0);
        assertThat(device.calls)
                .containsExactly("attach", "write 0 0x0 4", "read 0 0x0 4", "reset");
    }

    /** A client prepares what is to arrive, and cleans up behind what has failed. */
    @ParameterizedTest
    @EnumSource(names = {"RESUMING", "PRE_COPY", "ERROR"})
    void shouldServeAllInOtherStates(MigrationState other) {
        migration.state = other;
        var client = negotiated();
        for (var request : REFUSED) {
            client.ask(request.command, request.payload).succeeded(request.replyLength);
        }
    }
}
