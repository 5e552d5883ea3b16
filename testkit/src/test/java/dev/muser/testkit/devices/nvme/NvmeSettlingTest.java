package dev.muser.testkit.devices.nvme;

import static dev.muser.devices.storage.StorageOperation.FLUSH;
import static dev.muser.devices.storage.StorageOperation.WRITE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.muser.client.nvme.NvmeDriverOptions;
import dev.muser.device.Migration;
import dev.muser.device.MigrationState;
import dev.muser.device.VfioException;
import dev.muser.linux.Errno;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;

/** What a driver has written is durable before its disk stands still. */
class NvmeSettlingTest {
    private final HeldStorage storage = HeldStorage.cached(1 << 20);

    private interface Use {
        void with(Disk disk, Migration migration);
    }

    private void withDisk(Use use) {
        var polling = NvmeDriverOptions.DEFAULTS.withMode(NvmeDriverOptions.Mode.POLLING);
        try (var disk = Disk.of(storage, 512, polling)) {
            use.with(disk, Objects.requireNonNull(disk.device.migration()));
            migrationEnds(disk);
        }
    }

    private static void migrationEnds(Disk disk) {
        Objects.requireNonNull(disk.device.migration()).moveTo(MigrationState.RUNNING);
        disk.settle();
    }

    private static void write(Disk disk) {
        disk.driver.sync(disk.namespace()).write(0, 8, disk.data(), 0);
    }

    @Test
    void shouldFlushWhatWasWrittenBeforeItStandsStill() {
        withDisk((disk, migration) -> {
            write(disk);
            storage.seen.clear();
            storage.holding = List.of(FLUSH);
            assertThat(migration.prepare(MigrationState.STOP)).isFalse();
            assertThat(storage.seen).containsExactly(FLUSH);
            assertThat(migration.prepare(MigrationState.STOP)).as("it is under way").isFalse();
            storage.release();
            assertThat(migration.prepare(MigrationState.STOP)).isTrue();
            migration.moveTo(MigrationState.STOP);
            assertThat(storage.seen).as("once is enough").containsExactly(FLUSH);
            migration.moveTo(MigrationState.RUNNING);
            disk.settle();
            migration.moveTo(MigrationState.STOP);
            assertThat(storage.seen).as("nothing was written").containsExactly(FLUSH);
            migration.moveTo(MigrationState.RUNNING);
            disk.settle();
            write(disk);
            migration.moveTo(MigrationState.STOP);
            assertThat(storage.seen).containsExactly(FLUSH, WRITE, FLUSH);
        });
    }

    @Test
    void shouldBeginToFlushWhenItIsCopiedWhileItRuns() {
        withDisk((disk, migration) -> {
            write(disk);
            storage.seen.clear();
            migration.moveTo(MigrationState.PRE_COPY);
            assertThat(storage.seen).containsExactly(FLUSH);
            migration.moveTo(MigrationState.STOP_COPY);
            assertThat(storage.seen).containsExactly(FLUSH);
        });
    }

    /** A storage tells of a lost write once, and the one that must hear of it is the driver. */
    @Test
    void shouldStayAndTellTheDriverWhenWhatItWroteIsLost() {
        withDisk((disk, migration) -> {
            write(disk);
            storage.failing = true;
            assertThatThrownBy(() -> migration.moveTo(MigrationState.STOP_COPY))
                    .isInstanceOfSatisfying(
                            VfioException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EIO))
                    .hasMessageContaining("test cannot be made durable");
            assertThat(migration.state()).isEqualTo(MigrationState.RUNNING);
            storage.failing = false;
            assertThatThrownBy(() -> migration.moveTo(MigrationState.STOP))
                    .as("the driver does not know yet")
                    .isInstanceOf(VfioException.class);
            disk.settle();
            var sync = disk.driver.sync(disk.namespace());
            assertThatThrownBy(sync::flush).hasMessageContaining("Write Fault");
            sync.flush();
            migration.moveTo(MigrationState.STOP_COPY);
            assertThat(new ArrayList<>(storage.seen)).endsWith(FLUSH);
        });
    }
}
