package dev.muser.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.cli.control.ServingProcess;
import dev.muser.client.ClientOptions;
import dev.muser.client.PciFunction;
import dev.muser.client.RemoteDevice;
import dev.muser.client.edu.EduDriver;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A device that outlives its process, kept by a keeper which has no privilege at all. */
class KeptProcessTest {
    /** Root in a namespace of its own, and no capability even there. */
    private static final List<String> NOBODY =
            List.of(
                    "unshare",
                    "-Ur",
                    "setpriv",
                    "--bounding-set=-all",
                    "--inh-caps=-all",
                    "--no-new-privs");

    @TempDir private Path folder = Path.of("");
    private @Nullable Process keeper;

    @AfterEach
    void killTheKeeper() {
        if (keeper != null) {
            keeper.destroyForcibly(); // its device process ends with it
        }
    }

    private ServingProcess keep(Path socket) throws IOException, InterruptedException {
        // Where users may have no namespaces, this one has no capability by itself.
        var command = new ArrayList<>(canUnshare() ? NOBODY : List.of());
        command.addAll(
                JavaCommand.kept(
                        List.of(), "serve", "edu", "--keep", "-q", "-s", socket.toString()));
        var started = new ProcessBuilder(command).redirectErrorStream(true).start();
        keeper = started;
        assertThat(started.inputReader().readLine()).isEqualTo("ready");
        return new ServingProcess(socket);
    }

    private static boolean canUnshare() throws IOException, InterruptedException {
        var words = new ArrayList<>(NOBODY);
        words.add("true");
        try {
            return new ProcessBuilder(words).start().waitFor() == 0;
        } catch (IOException e) {
            return false; // there is no such program
        }
    }

    private static void requireNoCapability(long id) throws IOException {
        try (var lines = Files.lines(Path.of("/proc/" + id + "/status"))) {
            assertThat(lines.filter(line -> line.startsWith("CapEff:")))
                    .containsExactly("CapEff:\t0000000000000000");
        }
    }

    @Test
    void shouldGoOnAfterKillsAndAnUpgradeWithoutAnyCapability() throws Exception {
        var socket = folder.resolve("edu.sock");
        var process = keep(socket);
        // where much else runs a JVM may take its time to start
        var patient = ClientOptions.DEFAULTS.withTimeout(Duration.ofMinutes(1));
        try (var device = RemoteDevice.connect(socket, patient);
                var function = new PciFunction(device)) {
            var driver = new EduDriver(function);
            assertThat(driver.factorial(5)).isEqualTo(120);
            for (int i = 0; i < 2; i++) {
                long before = process.id();
                requireNoCapability(before);
                assertThat(ProcessHandle.of(before).orElseThrow().destroyForcibly()).isTrue();
                assertThat(driver.isAlive()).isTrue(); // asked of a dead process, or of the next
                long next = process.awaitOther(before);
                requireNoCapability(next);
                assertThat(driver.factorial(6 + i)).isEqualTo(i == 0 ? 720 : 5040);
            }
            long old = process.id();
            var said = run("upgrade", socket.toString());
            assertThat(said)
                    .isEqualToIgnoringNewLines(
                            "upgraded: process %d in the place of %d".formatted(process.id(), old));
            assertThat(driver.factorial(4)).isEqualTo(24);
            assertThat(run("inspect", socket.toString())).contains("1234:11e8");
        }
        end();
        try (var left = Files.list(folder)) {
            assertThat(left).isEmpty();
        }
    }

    private static String run(String... words) {
        var out = new StringWriter();
        assertThat(Main.commandLine(words).setOut(new PrintWriter(out)).execute(words)).isZero();
        return out.toString();
    }

    private void end() throws InterruptedException {
        var ending = Objects.requireNonNull(keeper);
        ending.destroy();
        assertThat(ending.waitFor(30, TimeUnit.SECONDS)).as("the keeper ends").isTrue();
        assertThat(ending.exitValue()).isZero();
    }
}
