package dev.muser.cli;

import static dev.muser.cli.Invocation.said;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.muser.cli.control.ServingProcess;
import dev.muser.client.ClientOptions;
import dev.muser.client.DeviceMigration;
import dev.muser.client.PciFunction;
import dev.muser.client.RemoteDevice;
import dev.muser.client.nvme.NvmeDriver;
import dev.muser.client.nvme.NvmeDriverOptions;
import dev.muser.device.Migration;
import dev.muser.device.MigrationState;
import dev.muser.device.VfioException;
import dev.muser.devices.storage.FileOptions;
import dev.muser.devices.storage.FileStorage;
import dev.muser.devices.storage.StorageException;
import dev.muser.linux.Errno;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A disk on an image moves from one process to another, of which one at a time has the image. */
class MovedImageProcessTest {
    /** Where much else runs a JVM may take its time to start. */
    private static final ClientOptions PATIENT =
            ClientOptions.DEFAULTS.withTimeout(Duration.ofMinutes(1));

    @TempDir private Path folder = Path.of("");
    private Path image = Path.of("");
    private final List<Process> processes = new ArrayList<>();

    @BeforeEach
    void makeImage() throws IOException {
        image = Files.write(folder.resolve("disk.img"), new byte[8 << 20]);
    }

    @AfterEach
    void killTheChildren() {
        processes.forEach(Process::destroyForcibly);
    }

    private Process start(List<String> command) throws IOException {
        var child = new ProcessBuilder(command).redirectErrorStream(true).start();
        processes.add(child);
        return child;
    }

    private String[] words(Path socket, String... options) {
        var words = new ArrayList<>(List.of("serve", "nvme", "-q", "-s", socket.toString()));
        words.addAll(List.of("--file", image.toString()));
        words.addAll(List.of(options));
        return words.toArray(String[]::new);
    }

    private Process serve(Path socket, String... options) throws IOException {
        var child = start(JavaCommand.muser(words(socket, options)));
        assertThat(child.inputReader().readLine()).isEqualTo("ready");
        return child;
    }

    private ServingProcess keep(Path socket) throws IOException {
        var child = start(JavaCommand.kept(List.of(), words(socket, "--keep")));
        assertThat(child.inputReader().readLine()).isEqualTo("ready");
        return new ServingProcess(socket);
    }

    private interface Use {
        void with(NvmeDriver driver, PciFunction function);
    }

    private static void drive(Path socket, Use use) {
        try (var device = RemoteDevice.connect(socket, PATIENT);
                var function = new PciFunction(device);
                var driver = NvmeDriver.open(function, NvmeDriverOptions.DEFAULTS)) {
            use.with(driver, function);
        }
    }

    private static void write(Path socket, String text) {
        drive(
                socket,
                (driver, function) -> {
                    var buffer = function.dma().allocate(4096);
                    buffer.segment().setString(0, text);
                    driver.sync(driver.namespaces().getFirst()).write(8, 8, buffer, 0);
                });
    }

    private static void assertHas(Path socket, String text) {
        drive(
                socket,
                (driver, function) -> {
                    var buffer = function.dma().allocate(4096);
                    driver.sync(driver.namespaces().getFirst()).read(8, 8, buffer, 0);
                    assertThat(buffer.segment().getString(0)).isEqualTo(text);
                });
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

    @Test
    void shouldMoveToAndFroByCommand() throws Exception {
        var a = folder.resolve("a.sock");
        var b = folder.resolve("b.sock");
        serve(a);
        write(a, "first");

        var second = start(JavaCommand.muser(words(b)));
        assertThat(second.inputReader().lines().toList())
                .singleElement()
                .asString()
                .contains("disk.img is locked: another muser");
        assertThat(second.waitFor()).isEqualTo(2);

        var waiting = serve(b, "--incoming");
        assertThatThrownBy(() -> write(b, "not here"))
                .hasMessageContaining("controller status 0x2"); // fatal
        var expected = "it was enabled, and has no disk: it waits for a disk to move in";
        assertThat(waiting.inputReader().lines().anyMatch(line -> line.contains(expected)))
                .isTrue();
        assertThat(said("inspect", b.toString())).contains("expecting");

        assertThat(said("migrate", a.toString(), b.toString())).contains("migrated: ");
        assertThat(said("inspect", a.toString())).contains("away");
        assertHas(b, "first");
        write(b, "second");
        assertThatThrownBy(() -> write(a, "not here")).hasMessageContaining("status 0x2");
        assertThat(said("migrate", b.toString(), a.toString())).contains("migrated: ");
        assertHas(a, "second");
        for (var process : List.of(processes.getFirst(), waiting)) {
            process.destroy();
            assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
            assertThat(process.exitValue()).isZero();
        }
        assertThat(isLocked()).isFalse();
    }

    private static Migration migration(RemoteDevice device) {
        return Objects.requireNonNull(device.migration());
    }

    @Test
    void shouldNotTakeTheImageAfterAKillInTheMiddleOfAMove() throws Exception {
        var a = folder.resolve("a.sock");
        var b = folder.resolve("b.sock");
        var process = keep(a);
        write(a, "kept");
        serve(b, "--incoming");
        try (var source = RemoteDevice.connect(a, PATIENT);
                var target = RemoteDevice.connect(b, PATIENT);
                var arena = Arena.ofConfined()) {
            source.attach(null);
            target.attach(null);
            migration(target).moveTo(MigrationState.RESUMING);
            migration(source).moveTo(MigrationState.STOP_COPY);
            var some = arena.allocate(64);
            assertThat(migration(source).read(some, 0, 64)).isPositive();
            assertThat(isLocked()).isFalse();

            long before = process.id();
            assertThat(ProcessHandle.of(before).orElseThrow().destroyForcibly()).isTrue();
            process.awaitOther(before);
            assertThat(migration(source).state()).isEqualTo(MigrationState.STOP_COPY);
            assertThat(isLocked()).isFalse();
            assertThatThrownBy(() -> migration(source).read(some, 0, 64))
                    .isInstanceOfSatisfying(
                            VfioException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EIO));
            migration(source).moveTo(MigrationState.RUNNING);
            assertThat(isLocked()).isTrue();
            target.reset();
            DeviceMigration.begin(source, target).finish();
            assertThat(isLocked()).isTrue();
        }
        assertHas(b, "kept");
    }
}
