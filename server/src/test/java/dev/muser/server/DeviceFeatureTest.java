package dev.muser.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.device.MigrationState;
import dev.muser.linux.Errno;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class DeviceFeatureTest extends ServerTest {
    private static final int GET = 1 << 16;
    private static final int SET = 1 << 17;
    private static final int PROBE = 1 << 18;
    private final FakeMigration migration = new FakeMigration();

    @BeforeEach
    void migratable() {
        device.migration = migration;
    }

    private static byte[] feature(long argsz, long flags, int... data) {
        var bytes = Bytes.of().u32(argsz).u32(flags);
        for (int word : data) {
            bytes.u32(word);
        }
        return bytes.get();
    }

    private static byte[] setState(int state) {
        return feature(16, SET | 2, state, -1);
    }

    @ParameterizedTest
    @ValueSource(longs = {16, 17, 4096})
    void shouldSayHowItMigrates(long argsz) {
        var reply = negotiated().ask(RawClient.FEATURE, feature(argsz, GET | 1)).succeeded(16);
        assertThat(reply.payload()).isEqualTo(feature(16, GET | 1, 5, 0));
    }

    @Test
    void shouldSayItsState() {
        migration.state = MigrationState.PRE_COPY;
        var reply = negotiated().ask(RawClient.FEATURE, feature(16, GET | 2)).succeeded(16);
        assertThat(reply.payload()).isEqualTo(feature(16, GET | 2, 6, -1));
    }

    @Test
    void shouldMoveToAStateAndEchoTheRequest() {
        var reply = negotiated().ask(RawClient.FEATURE, setState(3)).succeeded(16);
        assertThat(reply.payload()).isEqualTo(setState(3));
        assertThat(migration.state).isEqualTo(MigrationState.STOP_COPY);
    }

    /** Messages behind it wait too: they are about the device that has stopped. */
    @Test
    void shouldMoveWhenTheDeviceIsReadyAndKeepTheOrder() {
        var client = negotiated();
        migration.unprepared.set(50);
        int first = client.command(RawClient.FEATURE, 0, setState(1));
        int second = client.command(RawClient.FEATURE, 0, feature(16, GET | 2));
        assertThat(client.receive().succeeded(16).id()).isEqualTo(first);
        var reply = client.receive().succeeded(16);
        assertThat(reply.id()).isEqualTo(second);
        assertThat(reply.payload()).isEqualTo(feature(16, GET | 2, 1, -1));
        assertThat(migration.unprepared).hasValue(0);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 5, 8, -1, Integer.MIN_VALUE})
    void shouldRefuseAStateThatCannotBe(int state) {
        var client = negotiated();
        client.ask(RawClient.FEATURE, setState(state)).failed(Errno.EINVAL);
        assertThat(migration.state).isEqualTo(MigrationState.RUNNING);
        client.expectServed();
    }

    @ParameterizedTest
    @ValueSource(ints = {PROBE | GET | 1, PROBE | GET | SET | 2, PROBE | SET | 2, PROBE | GET | 2})
    void shouldEchoAProbeForWhatThereIs(int flags) {
        var reply = negotiated().ask(RawClient.FEATURE, feature(8, flags)).succeeded(8);
        assertThat(reply.payload()).isEqualTo(feature(8, flags));
        assertThat(migration.state).isEqualTo(MigrationState.RUNNING);
    }

    @ParameterizedTest
    @CsvSource({
        "16, 65537, 7", // no envelope
        "7, 65537, 8", // argsz below it
        "15, 65537, 8", // argsz below the reply
        "8, 65538, 8",
        "16, 131073, 16", // SET of MIGRATION
        "8, 393217, 8", // PROBE of it
        "16, 1, 16", // no method
        "16, 196610, 16", // GET and SET at once
        "16, 65539, 8", // a feature that is not there
        "16, 65542, 8",
        "16, 589826, 16", // an unknown flag
        "15, 131074, 16", // argsz below the request
        "16, 131074, 15", // data cut short
        "8, 131074, 8",
    })
    void shouldRefuseWhatIsOutOfBounds(long argsz, int flags, int length) {
        var client = negotiated();
        client.ask(RawClient.FEATURE, Arrays.copyOf(feature(argsz, flags, 1, 0), length))
                .failed(Errno.EINVAL);
        assertThat(migration.state).isEqualTo(MigrationState.RUNNING);
        client.expectServed();
    }

    @Test
    void shouldRefuseEveryFeatureOfADeviceWithoutMigration() {
        device.migration = null;
        var client = negotiated();
        client.ask(RawClient.FEATURE, feature(16, GET | 1)).failed(Errno.EINVAL);
        client.ask(RawClient.FEATURE, feature(16, PROBE | GET | 2)).failed(Errno.EINVAL);
        client.expectServed();
    }

    /** As the kernel does, and the specification; libvfio-user refuses. */
    @ParameterizedTest
    @ValueSource(ints = {1, 3})
    void shouldResetAStoppedDevice(int state) {
        var client = negotiated();
        client.ask(RawClient.FEATURE, setState(state)).succeeded(16);
        client.ask(RawClient.RESET, new byte[0]).succeeded(0);
        assertThat(device.calls).containsExactly("attach", "reset");
    }
}
