package dev.muser.cli;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Another {@code muser}, which ends with this one: at the latest when its standard input does. */
final class Child implements AutoCloseable {
    private static final int PATIENCE_SECONDS = 3;

    private final Process process;
    private final BufferedReader output;

    private Child(Process process) {
        this.process = process;
        output = process.inputReader();
    }

    /**
     * Starts one.
     *
     * @param errors where to it complains
     */
    static Child start(List<String> command, ProcessBuilder.Redirect errors) {
        try {
            return new Child(new ProcessBuilder(command).redirectError(errors).start());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Waits for its first line, by which it says that it is ready. */
    void awaitReady() {
        try {
            var line = output.readLine();
            if (line == null) {
                throw new IllegalStateException(
                        "the child process ended with %d before it was ready"
                                .formatted(process.waitFor()));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted", e);
        }
    }

    long pid() {
        return process.pid();
    }

    /** Ends it, by force if it does not end when asked. Idempotent; any thread. */
    @Override
    public void close() {
        try {
            process.getOutputStream().close();
        } catch (IOException e) {
            // it has ended
        }
        boolean ended = false;
        try {
            ended = process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        if (!ended) {
            process.destroyForcibly();
        }
    }
}
