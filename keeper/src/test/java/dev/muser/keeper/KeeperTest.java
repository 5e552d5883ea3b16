package dev.muser.keeper;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.linux.EventFd;
import dev.muser.linux.Fd;
import dev.muser.linux.MessageSender;
import dev.muser.linux.UnixDatagramSocket;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** With real processes, which are killed. */
class KeeperTest {
    @TempDir Path folder;

    @Test
    void shouldHandWhatIsKeptToTheNextProcess() throws Exception {
        try (var keeper = new KeeperProcess(folder, "serve", "--deaths=0")) {
            for (int life = 1; life <= 4; life++) {
                long pid = keeper.await("ready " + life, 1);
                KeeperProcess.signal("KILL", pid);
            }
            long last = keeper.await("ready 5", 1);
            KeeperProcess.signal("HUP", keeper.pid());
            assertThat(keeper.await("hup", 1)).isEqualTo(last);
            KeeperProcess.signal("TERM", keeper.pid());
            assertThat(keeper.exitCode()).isZero();
            assertThat(keeper.await("stopped", 1)).isEqualTo(last);
            assertThat(keeper.count("start")).isEqualTo(5);
            keeper.awaitNobody();
            assertThat(addresses(keeper.pid())).isEmpty();
            assertThat(keeper.errors())
                    .contains("the device process died (SIGKILL): goes on with 1 descriptors");
        }
    }

    @Test
    void shouldEndWithAProcessThatEndsInOrder() throws Exception {
        try (var keeper = new KeeperProcess(folder, "bye")) {
            assertThat(keeper.exitCode()).isZero();
            assertThat(keeper.count("start")).isEqualTo(1);
            assertThat(keeper.errors()).isEmpty();
        }
    }

    @Test
    void shouldNotRepeatAMistakeOfTheUsers() throws Exception {
        try (var keeper = new KeeperProcess(folder, "usage")) {
            assertThat(keeper.exitCode()).isEqualTo(2);
            assertThat(keeper.count("start")).isEqualTo(1);
        }
    }

    @Test
    void shouldGiveUpOnAProcessThatDiesInALoop() throws Exception {
        try (var keeper = new KeeperProcess(folder, "crash", "--deaths=3", "--within=600")) {
            assertThat(keeper.exitCode()).isEqualTo(Keeper.GAVE_UP);
            assertThat(keeper.count("start")).isEqualTo(3);
            assertThat(keeper.errors().lines().toList())
                    .last()
                    .isEqualTo(
                            "muser keeper: gave up: the device process died 3 times within 600 s,"
                                    + " the last time by exit code 7");
            keeper.awaitNobody();
        }
    }

    @Test
    void shouldSayThatThereIsNoSuchProgram() throws Exception {
        try (var keeper = new KeeperProcess(folder, List.of("--", "/no/such/program"))) {
            assertThat(keeper.exitCode()).isEqualTo(127);
            assertThat(keeper.errors()).contains("/no/such/program");
        }
    }

    @Test
    void shouldSayWhatIsWrongWithItsCommandLine() throws Exception {
        try (var keeper = new KeeperProcess(folder, List.of("--watchdog=soon", "--", "true"))) {
            assertThat(keeper.exitCode()).isEqualTo(Keeper.USAGE);
            assertThat(keeper.errors()).contains("--watchdog=soon").doesNotContain("Exception");
        }
    }

    @Test
    void shouldKillAProcessThatHangs() throws Exception {
        try (var keeper = new KeeperProcess(folder, "hang", "--watchdog=3")) {
            long first = keeper.await("ready 1", 1);
            assertThat(keeper.await("ready 2", 1)).isNotEqualTo(first);
            assertThat(keeper.errors()).contains("hangs (watchdog, 3 s): killed");
        }
    }

    @Test
    void shouldKillAProcessThatDoesNotComeUp() throws Exception {
        try (var keeper =
                new KeeperProcess(folder, "silent", "--start-timeout=1.5", "--deaths=1")) {
            assertThat(keeper.exitCode()).isEqualTo(Keeper.GAVE_UP);
            assertThat(keeper.errors()).contains("is not ready after 1500 ms: killed");
            keeper.awaitNobody();
        }
    }

    @Test
    void shouldKillAProcessThatDoesNotEnd() throws Exception {
        try (var keeper = new KeeperProcess(folder, "stubborn", "--stop-timeout=0.5")) {
            keeper.await("ready 1", 1);
            KeeperProcess.signal("TERM", keeper.pid());
            assertThat(keeper.exitCode()).isEqualTo(128 + 9);
            assertThat(keeper.errors()).contains("does not come to an end: killed");
            keeper.awaitNobody();
        }
    }

    @Test
    void shouldHandOverToASpare() throws Exception {
        try (var keeper =
                new KeeperProcess(
                        folder, "serve", "--spare", "--deaths=0", "--handover-timeout=30")) {
            long first = keeper.await("ready 1", 1);
            long spare = keeper.await("warm", 1);
            awaitWarm(keeper, 1);
            KeeperProcess.signal("KILL", first);
            assertThat(keeper.await("ready 2", 1)).isEqualTo(spare);
            long next = keeper.await("warm", 2);
            awaitWarm(keeper, 2);
            KeeperProcess.signal("KILL", spare);
            assertThat(keeper.await("ready 3", 1)).isEqualTo(next);
            assertThat(keeper.count("start")).as("cold starts").isEqualTo(1);
            keeper.await("warm", 3);
            KeeperProcess.signal("TERM", keeper.pid());
            assertThat(keeper.exitCode()).isZero();
            keeper.awaitNobody();
        }
    }

    /** Waits until the keeper has heard that a spare is warm: it has made a turn since. */
    private static void awaitWarm(KeeperProcess keeper, int n) throws Exception {
        keeper.await("warm", n);
        for (int i = 1; i <= 2; i++) {
            long hups = keeper.count("hup");
            KeeperProcess.signal("HUP", keeper.pid());
            keeper.await("hup", (int) hups + 1);
        }
    }

    @Test
    void shouldStartAnotherWhenTheSpareDoesNotTakeOver() throws Exception {
        try (var keeper =
                new KeeperProcess(
                        folder, "lame-spare", "--spare", "--deaths=0", "--handover-timeout=1")) {
            long first = keeper.await("ready 1", 1);
            awaitWarm(keeper, 1);
            KeeperProcess.signal("KILL", first);
            long second = keeper.await("ready 2", 1);
            assertThat(keeper.await("start", 2)).isEqualTo(second);
            assertThat(keeper.errors()).contains("no spare process: the other process does not");
        }
    }

    @Test
    void shouldReplaceASpareThatDies() throws Exception {
        try (var keeper = new KeeperProcess(folder, "serve", "--spare", "--deaths=0")) {
            keeper.await("ready 1", 1);
            long spare = keeper.await("warm", 1);
            KeeperProcess.signal("KILL", spare);
            assertThat(keeper.await("warm", 2)).isNotEqualTo(spare);
            assertThat(keeper.errors()).contains("no spare process: ");
            assertThat(keeper.count("ready 1")).isEqualTo(1);
        }
    }

    @Test
    void shouldFollowTheProcessThatGoesOnInTheDevicesPlace() throws Exception {
        try (var keeper = new KeeperProcess(folder, "upgrade", "--deaths=0")) {
            long old = keeper.await("ready 1", 1);
            long next = keeper.await("ready 2", 1);
            assertThat(keeper.await("took", 1)).isEqualTo(next).isNotEqualTo(old);
            assertThat(keeper.await("retired", 1)).isEqualTo(old);
            KeeperProcess.signal("KILL", next);
            long third = keeper.await("ready 3", 1);
            assertThat(keeper.await("start", 2)).isEqualTo(third);
            KeeperProcess.signal("TERM", keeper.pid());
            assertThat(keeper.exitCode()).isZero();
            keeper.awaitNobody();
        }
    }

    @Test
    void shouldLeaveNothingBehindWhenItIsKilledItself() throws Exception {
        try (var keeper = new KeeperProcess(folder, "serve", "--spare")) {
            long device = keeper.await("ready 1", 1);
            long spare = keeper.await("warm", 1);
            assertThat(addresses(keeper.pid())).hasSize(1);
            KeeperProcess.signal("KILL", keeper.pid());
            assertThat(keeper.exitCode()).isEqualTo(128 + 9);
            assertThat(keeper.await("lifeline", 1)).isEqualTo(device);
            assertThat(keeper.await("not needed", 1)).isEqualTo(spare);
            keeper.awaitNobody();
            assertThat(addresses(keeper.pid())).isEmpty();
        }
    }

    @Test
    void shouldSayThatItCanKeepNothing() throws Exception {
        try (var keeper = new KeeperProcess(folder, 32, List.of("--", "true"))) {
            assertThat(keeper.exitCode()).isEqualTo(Keeper.FAILED);
            assertThat(keeper.errors()).contains("limit of open files").doesNotContain("at dev.");
        }
    }

    @Test
    void shouldPromiseNoMoreThanItCanKeep() throws Exception {
        var script = "echo \"room $FDSTORE 0\" >" + folder.resolve("log");
        try (var keeper = new KeeperProcess(folder, 100, List.of("--", "sh", "-c", script))) {
            assertThat(keeper.exitCode()).isZero();
            assertThat(keeper.lines()).containsExactly("room 52 0");
        }
    }

    @Test
    void shouldNotHearStrangers() throws Exception {
        try (var keeper = new KeeperProcess(folder, "serve", "--deaths=0");
                var event = EventFd.create();
                var arena = Arena.ofConfined()) {
            long first = keeper.await("ready 1", 1);
            long seed = System.nanoTime();
            var random = new Random(seed);
            var sender = new MessageSender();
            var buffer = arena.allocate(10_000);
            try (var socket = UnixDatagramSocket.connect(addresses(keeper.pid()).getFirst())) {
                socket.timeout(Duration.ofSeconds(30));
                var many = Collections.nCopies(MessageSender.MAX_DESCRIPTORS, event);
                for (int i = 0; i < 100; i++) {
                    send(sender, socket, buffer, "FDSTOREREMOVE=1\nFDNAME=.count", List.of());
                    send(sender, socket, buffer, "FDSTORE=1\nFDNAME=.count", many);
                    send(sender, socket, buffer, "STOPPING=1", List.of());
                    send(sender, socket, buffer, "MAINPID=1", List.of());
                    send(sender, socket, buffer, "WATCHDOG=trigger", List.of());
                    for (int at = 0; at < 5000; at++) {
                        buffer.set(JAVA_BYTE, at, (byte) random.nextInt());
                    }
                    assertThat(sender.send(socket, buffer, 0, 5000, List.of(), 0))
                            .as("seed %d", seed)
                            .isEqualTo(5000);
                }
            }
            KeeperProcess.signal("KILL", first);
            keeper.await("ready 2", 1); // it has its count
            KeeperProcess.signal("TERM", keeper.pid());
            assertThat(keeper.exitCode()).isZero();
        }
    }

    private static void send(
            MessageSender sender,
            UnixDatagramSocket socket,
            MemorySegment buffer,
            String text,
            List<Fd> descriptors) {
        MemorySegment.copy(text.getBytes(US_ASCII), 0, buffer, JAVA_BYTE, 0, text.length());
        assertThat(sender.send(socket, buffer, 0, text.length(), descriptors, 0))
                .isEqualTo(text.length());
    }

    /** Returns the addresses of the keeper's sockets that are in no file system. */
    private static List<String> addresses(long pid) throws IOException {
        var mark = "@muser-keeper-" + pid + "-";
        return Files.readAllLines(Path.of("/proc/net/unix")).stream()
                .map(line -> line.substring(line.lastIndexOf(' ') + 1))
                .filter(address -> address.startsWith(mark))
                .distinct()
                .toList();
    }
}
