package dev.muser.testkit.guest;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A virtual machine that runs a script. The script's output is awaited line by line:
 *
 * <pre>{@code
 * try (var guest = GuestVm.builder().vfioUser(socket).python("edu.py").start()) {
 *     guest.await("EDU-DONE");
 *     assertThat(guest.awaitScript()).isZero();
 * }
 * }</pre>
 *
 * <p>The guest powers off when the script has ended, and QEMU ends with it. The kernel's messages
 * are kept apart from the script's output, so that they never tear its lines.
 *
 * <p>Thread-safe.
 */
public final class GuestVm implements AutoCloseable {
    private static final String STATUS = "GUEST-RC ";
    private static final int TAIL_LINES = 25;
    private static final List<String> LOGS = List.of("console.log", "kernel.log", "qemu.log");

    private final Path run;
    private final Duration patience;
    private final @Nullable Path logs;
    private final QemuProcess qemu;
    private final Console console;
    private final Qmp qmp;

    /** Begins a guest without devices: a q35 machine of 256 MiB, emulated. */
    public static GuestVmBuilder builder() {
        return new GuestVmBuilder();
    }

    static GuestVm start(GuestVmBuilder guest, Rig rig) {
        try {
            var run = Files.createTempDirectory("muser-vm-");
            try {
                return new GuestVm(guest, rig, run);
            } catch (IOException | RuntimeException e) {
                GuestFiles.delete(run);
                throw e;
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot start a guest", e);
        }
    }

    private GuestVm(GuestVmBuilder guest, Rig rig, Path run) throws IOException {
        this.run = run;
        patience = guest.patience();
        logs = guest.logs();
        var runAs = guest.runAs();
        runAs.give(run);

        var initrd = run.resolve("initrd");
        Files.copy(rig.initramfs(guest.moduleNames(), guest.hasStorageTools()), initrd);
        Files.write(initrd, guest.files().archive(), StandardOpenOption.APPEND);

        var command = new ArrayList<>(runAs.prefix());
        command.addAll(rig.qemu());
        command.addAll(guest.arguments(run));
        qemu = new QemuProcess(command, rig.directory(), run);
        try {
            console = new Console(qemu.output(), run.resolve("console.log"));
            qmp = connect();
        } catch (IOException | RuntimeException e) {
            qemu.close();
            keepLogs();
            throw e;
        }
    }

    /** QEMU listens soon after its start; it answers when its devices are there. */
    private Qmp connect() throws IOException {
        var socket = run.resolve("qmp");
        var end = System.nanoTime() + patience.toNanos();
        try {
            while (System.nanoTime() < end) {
                try {
                    return Qmp.connect(socket);
                } catch (SocketException e) {
                    // It does not listen yet.
                } catch (GuestVmException e) {
                    if (!qemu.awaitExit(Duration.ofSeconds(10))) {
                        throw failure("QEMU does not answer: " + e.getMessage());
                    }
                }
                if (qemu.awaitExit(Duration.ofMillis(5))) {
                    throw failure("QEMU did not start: it ended with status " + qemu.exitStatus());
                }
            }
            throw failure("QEMU did not start in " + patience.toSeconds() + " s");
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new GuestVmException("interrupted while QEMU started", e);
        }
    }

    /** Waits as long as the builder's {@code patience} says; see the other {@code await}. */
    public String await(String marker) {
        return await(marker, patience);
    }

    /**
     * Waits for a line of the script that starts with {@code marker}, and comes after the line that
     * was awaited before.
     *
     * @return the whole line
     * @throws GuestVmException when QEMU ends first, or the time is over
     */
    public String await(String marker, Duration timeout) {
        try {
            var line = console.await(marker, timeout);
            if (line != null) {
                return line;
            }
            if (console.ended()) {
                var ended = qemu.awaitExit(Duration.ofSeconds(10));
                throw failure(
                        "the guest ended without saying \"%s\"; %s"
                                .formatted(
                                        marker,
                                        ended
                                                ? "QEMU's exit status is " + qemu.exitStatus()
                                                : "QEMU still runs"));
            }
            throw failure(
                    "the guest did not say \"%s\" in %d ms".formatted(marker, timeout.toMillis()));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new GuestVmException("interrupted while waiting for \"" + marker + "\"", e);
        }
    }

    /**
     * Waits for the end of the script.
     *
     * @return its exit status
     * @throws GuestVmException when QEMU ends first, or the builder's {@code patience}
     */
    public int awaitScript() {
        return Integer.parseInt(await(STATUS).substring(STATUS.length()));
    }

    /**
     * Waits for the end of QEMU, which comes after that of the script.
     *
     * @return QEMU's exit status: 0 when the guest has powered off, 128 and the signal's number
     *     when a signal has ended it, as an assertion in QEMU does
     * @throws GuestVmException when the builder's {@code patience} is over
     */
    public int awaitExit() {
        try {
            if (!qemu.awaitExit(patience)) {
                throw failure("QEMU did not end in " + patience.toMillis() + " ms");
            }
            console.drain(patience);
            return qemu.exitStatus();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new GuestVmException("interrupted while waiting for the end of QEMU", e);
        }
    }

    /** Returns all that the script has said so far. */
    public List<String> lines() {
        return console.lines();
    }

    /** Returns what the guest's kernel has said so far. */
    public String kernelLog() {
        return read("kernel.log");
    }

    /** Returns what QEMU has written to its standard error so far. */
    public String qemuLog() {
        return read("qemu.log");
    }

    /** Returns QEMU's machine protocol. */
    public Qmp qmp() {
        return qmp;
    }

    /** Returns QEMU's process id. */
    public long pid() {
        try {
            return qemu.pid();
        } catch (IOException e) {
            throw new UncheckedIOException("QEMU's process id is not known", e);
        }
    }

    /** Returns the directory of this run's files. */
    Path run() {
        return run;
    }

    public boolean isRunning() {
        return qemu.isAlive();
    }

    /** Kills QEMU if it still runs. */
    @Override
    public void close() {
        qmp.close();
        qemu.close();
        try {
            console.drain(Duration.ofSeconds(10));
            keepLogs();
            GuestFiles.delete(run);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot clear away " + run, e);
        }
    }

    private void keepLogs() throws IOException {
        var to = logs;
        if (to == null) {
            return;
        }
        Files.createDirectories(to);
        for (var log : LOGS) {
            if (Files.exists(run.resolve(log))) {
                Files.copy(run.resolve(log), to.resolve(log), StandardCopyOption.REPLACE_EXISTING);
            }
        }
    }

    private GuestVmException failure(String what) {
        var message = new StringBuilder(what);
        tail(message, "the guest's console", String.join("\n", lines()));
        tail(message, "the guest's kernel", kernelLog());
        tail(message, "QEMU", qemuLog());
        return new GuestVmException(message.toString());
    }

    private static void tail(StringBuilder message, String who, String text) {
        var lines = text.strip().lines().toList();
        message.append("\n--- ").append(who);
        if (lines.isEmpty()) {
            message.append(": nothing");
        }
        for (var line : lines.subList(Math.max(0, lines.size() - TAIL_LINES), lines.size())) {
            message.append('\n').append(line);
        }
    }

    private String read(String log) {
        try {
            var file = run.resolve(log);
            return Files.exists(file)
                    ? new String(Files.readAllBytes(file), StandardCharsets.UTF_8)
                    : "";
        } catch (IOException e) {
            return "(" + log + " cannot be read: " + e + ")";
        }
    }
}
