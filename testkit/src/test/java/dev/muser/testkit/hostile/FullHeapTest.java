package dev.muser.testkit.hostile;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.linux.Errno;
import dev.muser.linux.SyscallException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A device fills the heap that it shares with another, in a process of their own. */
final class FullHeapTest {
    @TempDir private Path folder = Path.of("");

    private Process process;

    @BeforeEach
    void serve() throws IOException {
        var path = new ArrayList<String>();
        for (var name : List.of("jdk.module.path", "java.class.path")) {
            Optional.ofNullable(System.getProperty(name)).ifPresent(path::add);
        }
        path.add(Path.of("target/test-classes").toAbsolutePath().toString());
        process =
                new ProcessBuilder(
                                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                                "-Xmx32m",
                                "-XX:+UseSerialGC",
                                "-XX:TieredStopAtLevel=1",
                                "--enable-native-access=ALL-UNNAMED",
                                "-cp",
                                String.join(":", path),
                                Glutton.class.getName(),
                                folder.toString())
                        .redirectError(ProcessBuilder.Redirect.INHERIT)
                        .start();
        assertThat(process.inputReader().readLine()).isEqualTo("ready");
    }

    @AfterEach
    void end() throws Exception {
        process.destroyForcibly().waitFor();
    }

    private void fill(int how) {
        try (var client = HostileClient.connect(folder.resolve("glutton")).negotiate()) {
            client.ask(
                            Requests.REGION_WRITE,
                            Requests.regionWrite(0, Glutton.FILL, Bytes.of().u32(how).get()))
                    .failed(Errno.EIO);
            client.expectEnd();
        }
    }

    private void expectServed() {
        try (var next = HostileClient.connect(folder.resolve("glutton")).negotiate()) {
            next.expectServed();
        }
    }

    @Test
    void shouldEndThatSessionAloneWhenItsDeviceFillsTheHeap() {
        try (var bystander = new Bystander(folder.resolve("puppet"))) {
            for (int i = 0; i < 3; i++) {
                fill(Glutton.AND_DROP);
                bystander.expectUnharmed();
                expectServed();
            }
        }
    }

    @Test
    void shouldEndThatSessionAloneWhenItsDeviceKeepsTheHeapUntilItsClientIsGone() {
        try (var bystander = new Bystander(folder.resolve("puppet"))) {
            for (int i = 0; i < 3; i++) {
                fill(Glutton.AND_KEEP);
                bystander.expectUnharmed();
                expectServed();
            }
        }
    }

    /** What is left to the others is what was held in reserve. */
    @Test
    void shouldEndThatSessionAloneWhenItsDeviceNeverGivesTheHeapBack() {
        try (var bystander = new Bystander(folder.resolve("puppet"))) {
            fill(Glutton.AND_NEVER_GIVE_BACK);
            bystander.expectUnharmed();
            expectServed();
        }
    }

    /** Without any reserve the loop ends, and then nobody is left to wait. */
    @Test
    void shouldCutClientsOffWhenNothingIsLeft() {
        try (var other = HostileClient.connect(folder.resolve("puppet")).negotiate()) {
            other.expectServed();
            for (int i = 0; i < 4 && process.isAlive(); i++) {
                try (var client = HostileClient.connect(folder.resolve("glutton"))) {
                    client.trySend(negotiateAndFill(), List.of(), 0);
                    client.drain(); // which comes to an end
                } catch (SyscallException e) {
                    assertThat(e.errno()).isIn(Errno.ECONNREFUSED, Errno.ENOENT);
                }
            }
            if (!isServed(other)) {
                other.expectEnd();
            }
        }
    }

    private static byte[] negotiateAndFill() {
        var fill = Bytes.of().u32(Glutton.AND_NEVER_GIVE_BACK).get();
        return Bytes.of()
                .raw(Requests.message(1, Requests.VERSION, 0, Requests.version(0, 0, "{}")))
                .raw(
                        Requests.message(
                                2,
                                Requests.REGION_WRITE,
                                0,
                                Requests.regionWrite(0, Glutton.FILL, fill)))
                .get();
    }

    private static boolean isServed(HostileClient client) {
        byte[] ask = Requests.message(3, Requests.GET_INFO, 0, Requests.info(16));
        if (client.trySend(ask, List.of(), 0) < 0) {
            return false;
        }
        try {
            client.receive().succeeded(16);
            return true;
        } catch (AssertionError e) {
            return false; // what follows says whether it is the end
        }
    }
}
