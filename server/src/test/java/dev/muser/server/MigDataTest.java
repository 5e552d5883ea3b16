package dev.muser.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.device.MigrationState;
import dev.muser.linux.Errno;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class MigDataTest extends ServerTest {
    private final FakeMigration migration = new FakeMigration();

    @BeforeEach
    void migratable() {
        device.migration = migration;
        migration.outgoing = new byte[] {1, 2, 3, 4, 5};
    }

    private static byte[] data(long argsz, long size, byte... data) {
        return Bytes.of().u32(argsz).u32(size).raw(data).get();
    }

    @Test
    void shouldReadTheStreamAndPadTheLastOfItWithZeros() {
        migration.state = MigrationState.STOP_COPY;
        var client = negotiated();
        // Something else in the buffer, which must not show in the padding.
        device.bar0.asSlice(0, 64).fill((byte) 0xee);
        client.ask(RawClient.REGION_READ, RawClient.regionRead(0, 0, 64)).succeeded(80);

        assertThat(client.ask(RawClient.MIG_READ, data(12, 4)).succeeded(12).payload())
                .isEqualTo(data(12, 4, new byte[] {1, 2, 3, 4}));
        assertThat(client.ask(RawClient.MIG_READ, data(16, 8)).succeeded(16).payload())
                .isEqualTo(data(9, 1, new byte[] {5, 0, 0, 0, 0, 0, 0, 0}));
        assertThat(client.ask(RawClient.MIG_READ, data(16, 8)).succeeded(16).payload())
                .isEqualTo(data(8, 0, new byte[8]));
    }

    @Test
    void shouldReadBeforeTheCopyIsStopped() {
        migration.state = MigrationState.PRE_COPY;
        negotiated().ask(RawClient.MIG_READ, data(13, 5)).succeeded(13);
    }

    @ParameterizedTest
    @CsvSource({
        "11, 4, 8", // argsz below the reply
        "7, 0, 8",
        "4294967295, 1048577, 8", // more than agreed
        "4294967295, 4294967295, 8",
        "12, 4, 7",
        "12, 4, 0"
    })
    void shouldRefuseAReadThatIsOutOfBounds(long argsz, long size, int length) {
        migration.state = MigrationState.STOP_COPY;
        var client = negotiated();
        client.ask(RawClient.MIG_READ, Arrays.copyOf(data(argsz, size), length))
                .failed(Errno.EINVAL);
    }

    @Test
    void shouldRefuseInAStateWithoutStream() {
        var client = negotiated();
        client.ask(RawClient.MIG_READ, data(12, 4)).failed(Errno.EINVAL);
        client.ask(RawClient.MIG_WRITE, data(9, 1, (byte) 1)).failed(Errno.EINVAL);
        client.expectServed();
    }

    @Test
    void shouldWriteTheStream() {
        migration.state = MigrationState.RESUMING;
        var client = negotiated();
        client.ask(RawClient.MIG_WRITE, data(11, 3, new byte[] {9, 8, 7})).succeeded(0);
        client.ask(RawClient.MIG_WRITE, data(9, 1, (byte) 6)).succeeded(0);
        assertThat(migration.incoming.toByteArray()).containsExactly(9, 8, 7, 6);
    }

    @ParameterizedTest
    @CsvSource({"11, 3, 2", "10, 3, 3", "4294967295, 1048577, 8", "8, 4294967295, 8"})
    void shouldRefuseAWriteThatIsOutOfBounds(long argsz, long size, int sent) {
        migration.state = MigrationState.RESUMING;
        var client = negotiated();
        client.ask(RawClient.MIG_WRITE, data(argsz, size, new byte[sent])).failed(Errno.EINVAL);
        assertThat(migration.incoming.size()).isZero();
        client.expectServed();
    }

    @Test
    void shouldRefuseBothForADeviceWithoutMigration() {
        device.migration = null;
        var client = negotiated();
        client.ask(RawClient.MIG_READ, data(12, 4)).failed(Errno.EINVAL);
        client.ask(RawClient.MIG_WRITE, data(9, 1, (byte) 1)).failed(Errno.EINVAL);
        client.expectServed();
    }
}
