package dev.muser.testkit;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The NBD server qemu-nbd, which serves an image of any format at a UNIX socket. */
public final class QemuNbd implements AutoCloseable {
    private static final long PATIENCE_NANOS = 60_000_000_000L;
    private static final long POLL_MILLIS = 5;

    private final Path socket;
    private final Path log;
    private final Process process;

    private QemuNbd(Path socket, Path log, Process process) {
        this.socket = socket;
        this.log = log;
        this.process = process;
    }

    /**
     * Serves an image until it is closed, to up to 16 clients at a time.
     *
     * @param socket where it listens: it does when this returns
     * @param format raw, qcow2 or another one that QEMU knows
     * @param options more of qemu-nbd's options, for example {@code --read-only}
     */
    public static QemuNbd serve(Path image, Path socket, String format, String... options) {
        var arguments =
                new ArrayList<>(
                        List.of(
                                "--socket=" + socket.toAbsolutePath(),
                                "--format=" + format,
                                "--persistent",
                                "--shared=16",
                                "--discard=unmap",
                                "--detect-zeroes=unmap"));
        arguments.addAll(List.of(options));
        arguments.add(image.toAbsolutePath().toString());
        try {
            var log = Files.createTempFile("muser-qemu-nbd", ".log");
            var process =
                    HostTool.builder("qemu-nbd", arguments.toArray(String[]::new))
                            .redirectErrorStream(true)
                            .redirectOutput(log.toFile())
                            .start();
            var server = new QemuNbd(socket, log, process);
            try {
                server.awaitSocket();
            } catch (RuntimeException e) {
                server.close();
                throw e;
            }
            return server;
        } catch (IOException e) {
            throw new UncheckedIOException("cannot start qemu-nbd", e);
        }
    }

    private void awaitSocket() {
        try {
            var end = System.nanoTime() + PATIENCE_NANOS;
            while (!Files.exists(socket)) {
                if (!process.isAlive() || System.nanoTime() > end) {
                    throw new IllegalStateException(
                            "qemu-nbd does not listen at "
                                    + socket
                                    + ": "
                                    + Files.readString(log, StandardCharsets.UTF_8));
                }
                Thread.sleep(POLL_MILLIS);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while qemu-nbd started", e);
        }
    }

    public Path socket() {
        return socket;
    }

    /** Kills the server, as a crash would; its socket stays, and nobody listens there. */
    public void kill() {
        process.destroyForcibly();
        awaitExit();
    }

    /** Ends the server, which first writes out what it holds. */
    @Override
    public void close() {
        process.destroy();
        awaitExit();
        try {
            Files.deleteIfExists(socket);
            Files.deleteIfExists(log);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void awaitExit() {
        try {
            process.waitFor();
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        }
    }
}
