package dev.muser.testkit.guest;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A QEMU that never outlives the JVM. A shell starts it and reads from a pipe of the JVM: when that
 * ends, the shell kills QEMU. The JVM says a word before it ends the pipe; when it ends without,
 * the JVM is no more, and the shell clears its directory away too.
 */
final class QemuProcess implements AutoCloseable {
    /** $1: the directory of this run, which gets the file "pid"; then QEMU's command. */
    private static final String WATCHER =
            """
            exec 3<&0 </dev/null
            run=$1
            shift
            "$@" 3<&- &
            qemu=$!
            exec >/dev/null
            echo $qemu >"$run/pid"
            {
                read -r word <&3
                kill -KILL $qemu
                [ "$word" = close ] || rm -rf "$run"
            } 2>/dev/null &
            watcher=$!
            exec 3<&-
            wait $qemu
            status=$?
            [ ! -e "$run" ] || kill $watcher 2>/dev/null
            exit $status
            """;

    private final Process shell;
    private final Path pidFile;

    /**
     * @param directory where the command is started
     * @param run where this run's files are: gets "qemu.log", what QEMU writes to standard error
     */
    QemuProcess(List<String> command, Path directory, Path run) throws IOException {
        var words = new ArrayList<>(List.of("/bin/sh", "-c", WATCHER, "qemu", run.toString()));
        words.addAll(command);
        pidFile = run.resolve("pid");
        shell =
                new ProcessBuilder(words)
                        .directory(directory.toFile())
                        .redirectError(run.resolve("qemu.log").toFile())
                        .start();
    }

    BufferedReader output() {
        return shell.inputReader(StandardCharsets.UTF_8);
    }

    /** Returns QEMU's process id, not the shell's; known once QEMU has answered. */
    long pid() throws IOException {
        return Long.parseLong(Files.readString(pidFile).strip());
    }

    boolean isAlive() {
        return shell.isAlive();
    }

    /** Returns QEMU's exit status, 128 and the signal's number if one has ended it. */
    int exitStatus() {
        return shell.exitValue();
    }

    boolean awaitExit(Duration timeout) throws InterruptedException {
        return shell.waitFor(timeout.toNanos(), TimeUnit.NANOSECONDS);
    }

    /** Kills QEMU if it runs, and waits for its end. */
    @Override
    public void close() {
        try (var pipe = shell.getOutputStream()) {
            pipe.write("close\n".getBytes(StandardCharsets.US_ASCII));
        } catch (IOException e) {
            // The shell has ended already.
        }
        try {
            if (!shell.waitFor(10, TimeUnit.SECONDS)) {
                kill();
            }
        } catch (InterruptedException e) {
            kill();
            Thread.currentThread().interrupt();
        }
    }

    private void kill() {
        shell.descendants().forEach(ProcessHandle::destroyForcibly);
        shell.destroyForcibly();
    }
}
