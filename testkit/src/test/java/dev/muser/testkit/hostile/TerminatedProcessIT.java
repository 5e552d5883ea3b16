package dev.muser.testkit.hostile;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.linux.EventFd;
import dev.muser.linux.Fd;
import dev.muser.linux.MemoryFile;
import dev.muser.linux.MessageSender;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code muser serve} in a process of its own, with a thousand clients, is told to end. */
final class TerminatedProcessIT {
    private static final int SESSIONS = 1000;
    private static final int PAGE = 4096;

    @TempDir private Path folder = Path.of("");

    private Process serve(Path base) throws Exception {
        var command =
                List.of(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:+UseSerialGC",
                        "-XX:-UsePerfData",
                        "--enable-native-access=dev.muser.linux",
                        "-p",
                        "../cli/target/lib",
                        "-m",
                        "dev.muser.cli/dev.muser.cli.Main",
                        "serve",
                        "edu",
                        "--quiet",
                        "--count",
                        Integer.toString(SESSIONS),
                        "--socket-path",
                        base.toString());
        var process = new ProcessBuilder(command).redirectErrorStream(true).start();
        assertThat(process.inputReader().readLine()).isEqualTo("ready");
        return process;
    }

    /** Each with memory and an interrupt; each third is up to something besides. */
    private static void misbehave(HostileClient client, int i, Fd memory, Fd eventFd) {
        client.negotiate();
        client.map(0, PAGE, memory);
        client.ask(
                        Requests.SET_IRQS,
                        Requests.setIrqs(Requests.EVENTFD | Requests.TRIGGER, 0, 0, 1),
                        eventFd)
                .succeeded(0);
        byte[] read = Requests.message(i, Requests.REGION_READ, 0, Requests.regionRead(7, 0, 256));
        switch (i % 3) {
            case 0 -> client.expectServed();
            case 1 -> // half a message, with a descriptor
                    client.send(Requests.message(i, Requests.DMA_MAP, 48, 0, new byte[7]), memory);
            default -> { // never reads
                var all = Bytes.of();
                for (int n = 0; n < 1000; n++) {
                    all.raw(read);
                }
                client.trySend(all.get(), List.of(), MessageSender.DONT_WAIT);
            }
        }
    }

    @Test
    void shouldEndAtOnceWithAThousandSessionsAndLeaveNothing() throws Exception {
        var process = serve(folder.resolve("e"));
        var clients = new ArrayList<HostileClient>();
        try (var memory = MemoryFile.create("hostile", PAGE);
                var eventFd = EventFd.create()) {
            for (int i = 0; i < SESSIONS; i++) {
                var client = HostileClient.connect(folder.resolve("e." + i));
                clients.add(client);
                misbehave(client, i, memory, eventFd);
            }
            process.toHandle().destroy(); // SIGTERM
            assertThat(process.waitFor(10, TimeUnit.SECONDS)).as("the process ends").isTrue();
            assertThat(process.exitValue()).isZero();
            assertThat(process.inputReader().readLine()).as("complaints").isNull();
            for (int i = 0; i < SESSIONS; i++) {
                if (i % 3 == 2) {
                    clients.get(i).drain(); // which comes to an end
                } else {
                    clients.get(i).expectEnd();
                }
            }
        } finally {
            process.destroyForcibly();
            clients.forEach(HostileClient::close);
        }
        try (var left = Files.list(folder)) {
            assertThat(left).isEmpty();
        }
    }
}
