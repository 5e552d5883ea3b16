package dev.muser.testkit.devices.nvme;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.muser.device.Migration;
import dev.muser.device.MigrationState;
import dev.muser.device.pci.PciDevice;
import dev.muser.device.state.DeviceHome;
import dev.muser.device.state.StateSegment;
import dev.muser.devices.nvme.NamespaceOptions;
import dev.muser.devices.nvme.Nvme;
import dev.muser.devices.nvme.NvmeOptions;
import dev.muser.devices.storage.FileOptions;
import dev.muser.devices.storage.FileStorage;
import dev.muser.devices.storage.StorageException;
import dev.muser.service.LocalStore;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Processes of kept disks die in the middle of a move: what they leave says who has the image. */
@Timeout(60)
class KilledMoveTest {
    private static final String LABEL = "killed-move";
    private static final int SIZE = 1 << 20;

    @TempDir private Path folder = Path.of("");
    private Path image = Path.of("");

    @BeforeEach
    void makeImage() throws IOException {
        image = Files.write(folder.resolve("disk.img"), new byte[SIZE]);
    }

    /** A kept disk, of which one process after the other dies. */
    private final class Kept implements AutoCloseable {
        private final boolean incoming;
        private final LocalStore store = new LocalStore();
        private StateSegment segment = StateSegment.create(LABEL);
        private TurnLoop loop = new TurnLoop(this::commit);
        private @Nullable FileStorage storage;
        private @Nullable PciDevice device;

        Kept(boolean incoming) {
            this.incoming = incoming;
            start();
            segment.ready();
        }

        private void start() {
            var file =
                    FileOptions.DEFAULT
                            .withEngine(FileOptions.Engine.THREADS)
                            .withIncoming(incoming);
            var opened = FileStorage.open(image, file, store.under("storage."));
            storage = opened;
            var options =
                    NvmeOptions.of("TEST", List.of(NamespaceOptions.of(opened, 512, "test")))
                            .withIncoming(incoming);
            var made =
                    PciDevice.create(
                            ctx -> new Nvme(ctx, options), loop, new DeviceHome(segment, store));
            device = made;
            if (segment.isRestored()) {
                made.restored();
                commit();
            } else {
                made.attach(null);
            }
        }

        void commit() {
            segment.commit();
        }

        Migration migration() {
            return Objects.requireNonNull(Objects.requireNonNull(device).migration());
        }

        /** Goes to a state as a server does, but for the end of the transaction. */
        void begin(MigrationState target) {
            while (!migration().prepare(target)) {
                loop.turn();
            }
            migration().moveTo(target);
        }

        void moveTo(MigrationState target) {
            begin(target);
            commit();
        }

        /** Another process goes on with what this one has committed. */
        void dieAndGoOn() {
            Objects.requireNonNull(device).abandon();
            loop.abandon();
            Objects.requireNonNull(storage).close();
            loop = new TurnLoop(this::commit);
            var fd = segment.fd().duplicate();
            segment.close();
            segment = Objects.requireNonNull(StateSegment.open(fd, LABEL));
            start();
        }

        @Override
        public void close() {
            Objects.requireNonNull(device).close();
            segment.close();
            store.close();
        }
    }

    private boolean isLocked() {
        try {
            FileStorage.open(image, FileOptions.DEFAULT).close();
            return false;
        } catch (StorageException e) {
            assertThat(e).hasMessageContaining("disk.img is locked");
            return true;
        }
    }

    private static void copy(Kept from, Kept to) {
        try (var arena = Arena.ofConfined()) {
            MemorySegment buffer = arena.allocate(65536);
            for (int n; (n = from.migration().read(buffer, 0, 65536)) > 0; ) {
                to.migration().write(buffer, 0, n);
            }
        }
        from.commit();
        to.commit();
    }

    @Test
    void shouldKeepTheImageOverADeathBeforeTheMove() {
        try (var disk = new Kept(false)) {
            assertThat(isLocked()).isTrue();
            disk.dieAndGoOn();
            assertThat(isLocked()).isTrue();
        }
    }

    @Test
    void shouldNotTakeAnImageThatItHasGivenAway() {
        try (var from = new Kept(false)) {
            from.moveTo(MigrationState.STOP_COPY);
            assertThat(isLocked()).isFalse();
            from.dieAndGoOn();
            assertThat(from.migration().state()).isEqualTo(MigrationState.STOP_COPY);
            assertThat(isLocked()).isFalse();
            try (var other = FileStorage.open(image, FileOptions.DEFAULT)) {
                from.dieAndGoOn(); // while another uses it
                assertThat(other.info().size()).isEqualTo(SIZE);
                assertThatThrownBy(() -> from.begin(MigrationState.RUNNING))
                        .hasMessageContaining("disk.img is locked");
            }
            from.moveTo(MigrationState.RUNNING);
            assertThat(isLocked()).isTrue();
        }
    }

    /** It has given the image away, and nobody was told: the next one goes on as before. */
    @Test
    void shouldTakeTheImageBackWhenNobodyWasToldThatItIsFree() {
        try (var from = new Kept(false)) {
            from.begin(MigrationState.STOP_COPY);
            assertThat(isLocked()).isFalse();
            from.dieAndGoOn();
            assertThat(from.migration().state()).isEqualTo(MigrationState.RUNNING);
            assertThat(isLocked()).isTrue();
        }
    }

    @Test
    void shouldNotTakeAnImageBeforeItGoesOn() {
        try (var from = new Kept(false);
                var to = new Kept(true)) {
            to.dieAndGoOn();
            assertThat(to.migration().state()).isEqualTo(MigrationState.RUNNING);
            from.moveTo(MigrationState.STOP_COPY);
            to.dieAndGoOn();
            assertThat(isLocked()).isFalse();
            to.moveTo(MigrationState.RESUMING);
            copy(from, to);
            to.moveTo(MigrationState.STOP);
            to.dieAndGoOn();
            assertThat(to.migration().state()).isEqualTo(MigrationState.STOP);
            assertThat(isLocked()).isFalse();

            to.begin(MigrationState.RUNNING);
            assertThat(isLocked()).isTrue();
            to.dieAndGoOn(); // nobody was told that it runs
            assertThat(to.migration().state()).isEqualTo(MigrationState.STOP);
            assertThat(isLocked()).isFalse();

            to.moveTo(MigrationState.RUNNING);
            to.dieAndGoOn();
            assertThat(to.migration().state()).isEqualTo(MigrationState.RUNNING);
            assertThat(isLocked()).isTrue();
            from.dieAndGoOn(); // beside it
            assertThatThrownBy(() -> from.begin(MigrationState.RUNNING))
                    .hasMessageContaining("disk.img is locked");
        }
    }
}
