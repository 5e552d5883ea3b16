package dev.muser.testkit.guest;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.jr.ob.JSON;

/**
 * A device, its keeper and its spare, each in a process of its own; all of them end with this one.
 *
 * <p>They run as Maven has built them; or by the script {@code muser} that {@code MUSER_COMMAND}
 * names, which has caches that make a start quicker.
 */
final class KeptDevice implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofMinutes(2);
    private static final Duration POLL = Duration.ofMillis(2);
    private static final @Nullable String SCRIPT = System.getenv("MUSER_COMMAND");

    private final Path folder;
    private final Path words;
    private final Process keeper;
    private final Set<ProcessHandle> seen = new HashSet<>();
    private long killed;

    private KeptDevice(Path folder, List<String> command) throws IOException {
        this.folder = folder;
        words = folder.resolveSibling(folder.getFileName() + ".words");
        var builder = new ProcessBuilder(command).redirectError(words.toFile());
        builder.environment().remove("MUSER_SCRIPT");
        keeper = builder.start();
    }

    /**
     * Puts a device into service.
     *
     * @param user who may connect
     * @param folder for its sockets
     * @param options of {@code muser serve}: {@code --spare} or not, and the device
     */
    static KeptDevice serve(RunAs user, Path folder, String... options) throws IOException {
        var arguments = new ArrayList<String>();
        arguments.addAll(List.of("serve", "--keep", "--quiet", "--until-stdin-closes"));
        arguments.addAll(List.of("--socket-path", folder.resolve("s").toString()));
        arguments.addAll(List.of(options));
        var device = new KeptDevice(folder, command(arguments));
        try {
            var said = device.keeper.inputReader().readLine();
            assertThat(said).as(device::words).isEqualTo("ready");
            user.give(folder);
            user.give(device.socket());
        } catch (RuntimeException | Error e) {
            device.close();
            throw e;
        }
        return device;
    }

    private static List<String> command(List<String> arguments) {
        var command = new ArrayList<String>();
        if (SCRIPT == null) {
            command.addAll(java("dev.muser.keeper/dev.muser.keeper.Main"));
            if (arguments.contains("--spare")) {
                command.add("--spare");
            }
            command.add("--");
        }
        command.addAll(muser());
        command.addAll(arguments);
        return command;
    }

    private static List<String> muser() {
        return SCRIPT == null ? java("dev.muser.cli/dev.muser.cli.Main") : List.of(SCRIPT);
    }

    private static List<String> java(String main) {
        return List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "-XX:-UsePerfData",
                "--enable-native-access=dev.muser.linux",
                "-p",
                "../cli/target/lib",
                "-m",
                main);
    }

    Path socket() {
        return folder.resolve("s");
    }

    private Path control() {
        return folder.resolve("s.control");
    }

    /** What the keeper and its devices have said of what they have no other word for. */
    String words() {
        try {
            return Files.readString(words);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Waits until a process answers that has not been killed, and returns its number. */
    long awaitProcess() {
        long end = System.nanoTime() + PATIENCE.toNanos();
        while (System.nanoTime() < end) {
            var pid = askProcess();
            if (pid != null && pid != killed) {
                look();
                return pid;
            }
            assertThat(keeper.isAlive()).as(this::words).isTrue();
            LockSupport.parkNanos(POLL.toNanos());
        }
        throw new AssertionError("no process serves any more: " + words());
    }

    private @Nullable Long askProcess() {
        var question = "{\"command\":\"process\"}\n".getBytes(StandardCharsets.UTF_8);
        try (var channel = SocketChannel.open(StandardProtocolFamily.UNIX)) {
            channel.connect(UnixDomainSocketAddress.of(control()));
            Channels.newOutputStream(channel).write(question);
            var line = Channels.newReader(channel, StandardCharsets.UTF_8);
            var answer = JSON.std.mapFrom(new BufferedReader(line).readLine());
            return answer.get("pid") instanceof Number pid ? Long.valueOf(pid.longValue()) : null;
        } catch (IOException | JacksonException e) {
            return null; // it is about to end, or to begin
        }
    }

    /** Waits until the keeper has started a process after the last one was killed. */
    long awaitStarted() {
        long end = System.nanoTime() + PATIENCE.toNanos();
        while (System.nanoTime() < end) {
            var children =
                    keeper.children().map(ProcessHandle::pid).filter(pid -> pid != killed).toList();
            if (!children.isEmpty()) {
                look();
                return children.getFirst();
            }
            LockSupport.parkNanos(POLL.toNanos());
        }
        throw new AssertionError("no process was started: " + words());
    }

    private void look() {
        keeper.descendants().forEach(seen::add);
    }

    /** Kills a process, as a crash would. */
    void kill(long pid) {
        killed = pid;
        ProcessHandle.of(pid).ifPresent(ProcessHandle::destroyForcibly);
    }

    /** Does what an operator does: {@code muser upgrade}. */
    void upgrade() throws IOException, InterruptedException {
        long before = awaitProcess();
        var command = new ArrayList<>(muser());
        command.addAll(List.of("upgrade", socket().toString()));
        var upgrade = new ProcessBuilder(command).redirectErrorStream(true).start();
        var said = new String(upgrade.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(upgrade.waitFor()).as(said + words()).isZero();
        assertThat(awaitProcess()).isNotEqualTo(before);
    }

    /** QEMU complains of nothing but what the device lacks, which it does at the start. */
    static void assertThatNothingWasNoticed(GuestVm guest) {
        assertThat(guest.qemuLog().lines())
                .as("QEMU")
                .allMatch(line -> line.contains("Could not enable error recovery"));
    }

    /**
     * A virtual IOMMU that is reset has QEMU unmap all addresses, piece by piece, and tell of those
     * where there is nothing: to libvfio-user and us that is an error, to the kernel it is not.
     */
    static void assertThatNoMoreWasNoticedThanEmptyRanges(GuestVm guest) {
        assertThat(guest.qemuLog().lines())
                .as("QEMU")
                .allMatch(line ->
                        line.contains("Could not enable error recovery")
                                || (line.contains("dma_unmap(")
                                        && line.endsWith("(No such file or directory)"))
                                || line.endsWith("command 3 error No such file or directory"));
    }

    /**
     * Ends it as an operator does, after which nothing is left.
     *
     * @param kills how often it died
     */
    void stop(int kills) throws InterruptedException, IOException {
        look();
        keeper.destroy();
        assertThat(keeper.waitFor(60, TimeUnit.SECONDS)).as("the keeper ends").isTrue();
        assertThat(keeper.exitValue()).as(words()).isZero();
        for (var process : seen) {
            process.onExit().orTimeout(60, TimeUnit.SECONDS).join();
        }
        assertThat(socket()).doesNotExist();
        assertThat(control()).doesNotExist();
        assertThat(words().lines())
                .hasSize(kills)
                .allMatch(line -> line.startsWith("muser keeper: the device process died ("));
    }

    @Override
    public void close() {
        look();
        seen.forEach(ProcessHandle::destroyForcibly);
        keeper.destroyForcibly();
        try {
            Files.delete(words);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
