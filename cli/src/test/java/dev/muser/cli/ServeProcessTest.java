package dev.muser.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.client.PciFunction;
import dev.muser.client.RemoteDevice;
import dev.muser.client.edu.EduDriver;
import dev.muser.linux.UnixListener;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The command in a process of its own. */
class ServeProcessTest {
    @TempDir private Path folder = Path.of("");
    private @Nullable Process process;

    @AfterEach
    void killTheChild() {
        if (process != null) {
            process.destroyForcibly();
        }
    }

    private Process muser(String... arguments) throws IOException {
        var child =
                new ProcessBuilder(JavaCommand.muser(arguments)).redirectErrorStream(true).start();
        process = child;
        return child;
    }

    private Process serve(Path socket) throws IOException {
        var child = muser("serve", "edu", "--socket-path", socket.toString());
        var line = child.inputReader().readLine();
        assertThat(line)
                .as(() -> child.isAlive() ? "running" : "ended with " + child.exitValue())
                .isEqualTo("ready: edu at " + socket);
        return child;
    }

    private static int exit(Process child) throws InterruptedException {
        assertThat(child.waitFor(30, TimeUnit.SECONDS)).as("the process ends").isTrue();
        return child.exitValue();
    }

    @Test
    void shouldServeUntilToldToEndAndRemoveTheSocket() throws Exception {
        var socket = folder.resolve("edu.sock");
        var child = serve(socket);
        assertThat(child.inputReader().readLine()).contains("QEMU");
        assertThat(child.inputReader().readLine().strip()).isEqualTo(AttachHint.option(socket));

        try (var device = RemoteDevice.connect(socket);
                var function = new PciFunction(device)) {
            var driver = new EduDriver(function);
            assertThat(driver.factorial(5)).isEqualTo(120);
            child.destroy(); // SIGTERM, with a client
            assertThat(exit(child)).isZero();
        }
        assertThat(socket).doesNotExist();
    }

    @Test
    void shouldReplaceAStaleSocket() throws Exception {
        var socket = folder.resolve("edu.sock");
        var kept = folder.resolve("kept");
        try (var _ = UnixListener.bind(socket, 1)) {
            Files.createLink(kept, socket); // what a killed server leaves behind
        }
        Files.move(kept, socket);

        var child = serve(socket);
        try (var device = RemoteDevice.connect(socket)) {
            assertThat(device.info().pci()).isTrue();
        }
        child.destroy();
        assertThat(exit(child)).isZero();
    }

    @Test
    void shouldRefuseThePathOfALiveServerAndLeaveItAlone() throws Exception {
        var socket = folder.resolve("edu.sock");
        try (var _ = UnixListener.bind(socket, 8)) {
            var child = muser("serve", "edu", "--socket-path", socket.toString());
            assertThat(child.inputReader().readLine())
                    .isEqualTo(
                            "muser serve: a server is running at %s: stop it, or choose another path"
                                    .formatted(socket));
            assertThat(exit(child)).isEqualTo(2);
            assertThat(socket).exists();
        }
    }

    @Test
    void shouldEndWithItsParentsPipe() throws Exception {
        var socket = folder.resolve("edu.sock");
        var child = muser("serve", "edu", "-q", "--until-stdin-closes", "-s", socket.toString());
        assertThat(child.inputReader().readLine()).isEqualTo("ready");
        child.getOutputStream().close();
        assertThat(exit(child)).isZero();
        assertThat(socket).doesNotExist();
    }

    @Test
    void shouldServeManyDevicesInOneProcess() throws Exception {
        var base = folder.resolve("e");
        var child = muser("serve", "edu", "-q", "--count", "3", "-s", base.toString());
        assertThat(child.inputReader().readLine()).isEqualTo("ready");
        for (int i = 0; i < 3; i++) {
            try (var device = RemoteDevice.connect(Path.of(base + "." + i));
                    var function = new PciFunction(device)) {
                var driver = new EduDriver(function);
                assertThat(driver.isAlive()).isTrue();
            }
        }
        child.destroy();
        assertThat(exit(child)).isZero();
        try (var left = Files.list(folder)) {
            assertThat(left).isEmpty();
        }
    }
}
