package dev.muser.service;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.linux.EventFd;
import dev.muser.linux.UnixListener;
import dev.muser.linux.UnixSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A process that was started with descriptors, as it sees them. */
class ServiceProcessTest {
    @Test
    void shouldSortWhatItWasStartedWith(@TempDir Path folder) throws Exception {
        var result = folder.resolve("result");
        var command =
                List.of(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "--enable-native-access=ALL-UNNAMED",
                        "-cp",
                        "target/classes:target/test-classes:../linux/target/classes",
                        ListenProgram.class.getName(),
                        result.toString());
        var ends = UnixSocket.pair();
        try (var manager = new ManagerSocket();
                var event = EventFd.create();
                var other = EventFd.create();
                var first = UnixListener.bind(folder.resolve("a"), 1);
                var second = UnixListener.bind(folder.resolve("b"), 1);
                var here = ends[0];
                var there = ends[1]) {
            assertThat(here.fd().isOpen()).isTrue();
            var environment = new HashMap<>(System.getenv());
            environment.put("NOTIFY_SOCKET", manager.address);
            environment.put("FDSTORE", "10");
            environment.put("WATCHDOG_USEC", "7000000");
            environment.put("WATCHDOG_PID", "1"); // of an older manager
            environment.put("MUSER_STANDBY_FD", "1");
            var passed =
                    List.of(
                            new NamedDescriptor("muser.socket", first.fd()),
                            new NamedDescriptor(".irq", event),
                            new NamedDescriptor("muser.socket", second.fd()),
                            new NamedDescriptor("unknown", other));
            try (var process =
                    ServiceProcess.start(command, environment, passed, null, there.fd())) {
                var status = process.await(Duration.ofSeconds(50));
                assertThat(Objects.requireNonNull(status).isSuccess()).isTrue();
            }
            assertThat(Files.readAllLines(result))
                    .containsExactly(
                            "kept [irq]",
                            "listening [muser.socket, muser.socket]",
                            "lifeline true",
                            "standby false",
                            "watchdog PT7S");
        }
    }
}
