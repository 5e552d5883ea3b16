package dev.muser.testkit;

import dev.muser.testkit.guest.Rig;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A program of the {@link Rig} on this machine: qemu-nbd, qemu-img, qemu-io, nbdkit, fio,
 * mkfs.ext4, e2fsck and others, of the same versions everywhere.
 */
public final class HostTool {
    private static final int PATIENCE_SECONDS = 180;

    private HostTool() {}

    /**
     * Runs a program to its end.
     *
     * @return what it has written to both of its outputs
     * @throws IllegalStateException when its status is not 0, or it runs for three minutes
     */
    public static String run(String program, String... arguments) {
        try {
            var process = builder(program, arguments).redirectErrorStream(true).start();
            try {
                process.getOutputStream().close();
                var output =
                        new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
                if (!process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
                    throw new IllegalStateException(program + " does not end: " + output);
                }
                if (process.exitValue() != 0) {
                    throw new IllegalStateException(
                            "%s %s ended with status %d: %s"
                                    .formatted(
                                            program,
                                            String.join(" ", arguments),
                                            process.exitValue(),
                                            output));
                }
                return output;
            } finally {
                process.destroyForcibly();
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot run " + program, e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while " + program + " ran", e);
        }
    }

    /** Begins a program that the caller starts and ends, for one a server. */
    public static ProcessBuilder builder(String program, String... arguments) {
        var command = new ArrayList<>(Rig.get().program(program));
        command.addAll(List.of(arguments));
        return new ProcessBuilder(command);
    }
}
