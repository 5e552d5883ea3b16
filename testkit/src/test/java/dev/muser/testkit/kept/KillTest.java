package dev.muser.testkit.kept;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A device process under a keeper is killed at random moments while a client asks for what has side
 * effects. {@code MUSER_KILLS} sets how often, {@code MUSER_SEED} makes it another run.
 */
class KillTest {
    private static final int KILLS =
            Integer.parseInt(System.getenv().getOrDefault("MUSER_KILLS", "12"));
    private static final long SEED =
            Long.parseLong(System.getenv().getOrDefault("MUSER_SEED", "1"));

    @ParameterizedTest
    @ValueSource(strings = {"cold", "spare"})
    @Timeout(value = 24, unit = TimeUnit.HOURS)
    void shouldAnswerEachRequestOnceWheneverTheProcessIsKilled(String start) throws Exception {
        var directory = Files.createTempDirectory("muser-kill");
        var socket = directory.resolve("s");
        var keeper = keeper(socket, start.equals("spare"));
        var over = new AtomicBoolean();
        var answered = new AtomicLong();
        try {
            awaitSocket(socket, keeper);
            var killer =
                    Thread.ofPlatform()
                            .start(() -> {
                                kill(keeper.toHandle(), answered);
                                over.set(true);
                            });
            long requests =
                    new LedgerStorm(SEED)
                            .run(
                                    socket,
                                    SEED % 2 == 0,
                                    () -> {
                                        answered.incrementAndGet();
                                        return over.get();
                                    });
            killer.join();
            System.out.printf("%s: %d kills, %d requests, all right%n", start, KILLS, requests);
            assertThat(requests).isGreaterThan(KILLS);
        } finally {
            keeper.destroy();
            assertThat(keeper.waitFor(60, TimeUnit.SECONDS)).isTrue();
        }
        assertThat(keeper.exitValue()).isIn(0, 143);
        Files.deleteIfExists(socket); // this program leaves it where it is
        Files.delete(directory);
    }

    /** Kills the device process again and again, each time after some requests were answered. */
    private static void kill(ProcessHandle keeper, AtomicLong answered) {
        var random = new Random(SEED);
        for (int i = 0; i < KILLS; i++) {
            long before = answered.get();
            while (answered.get() < before + 3) {
                LockSupport.parkNanos(1_000_000);
            }
            LockSupport.parkNanos(random.nextInt(40_000_000));
            // of two, the younger one is the spare
            var device = keeper.children().min((a, b) -> started(a).compareTo(started(b)));
            device.ifPresent(ProcessHandle::destroyForcibly);
        }
        long before = answered.get();
        while (answered.get() < before + 100) {
            LockSupport.parkNanos(1_000_000);
        }
    }

    private static Instant started(ProcessHandle process) {
        return process.info().startInstant().orElse(Instant.MAX);
    }

    private static Process keeper(Path socket, boolean spare) throws IOException {
        var command = new ArrayList<>(java("-Xint"));
        command.add("dev.muser.keeper.Main");
        command.addAll(List.of("--deaths=0", "--steady=0", "--start-timeout=300"));
        if (spare) {
            command.add("--spare");
        }
        command.add("--");
        command.addAll(java("-XX:TieredStopAtLevel=1"));
        command.add(LedgerProgram.class.getName());
        command.add(socket.toString());
        return new ProcessBuilder(command)
                .redirectOutput(ProcessBuilder.Redirect.INHERIT)
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
    }

    private static List<String> java(String mode) {
        var path = new ArrayList<String>();
        for (var name : List.of("jdk.module.path", "java.class.path")) {
            Optional.ofNullable(System.getProperty(name)).ifPresent(path::add);
        }
        path.add(Path.of("target/test-classes").toAbsolutePath().toString());
        return List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                mode,
                "-XX:+UseSerialGC",
                "-Xmx64m",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                String.join(":", path));
    }

    private static void awaitSocket(Path socket, Process keeper) {
        while (!Files.exists(socket)) {
            assertThat(keeper.isAlive()).isTrue();
            LockSupport.parkNanos(10_000_000);
        }
    }
}
