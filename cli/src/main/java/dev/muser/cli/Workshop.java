package dev.muser.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * A folder that only this user can enter, and child processes that work there. Nothing of it is
 * left when it is closed, nor when the process is told to end before.
 */
final class Workshop implements AutoCloseable {
    private final Path folder;
    private final List<Child> children = new CopyOnWriteArrayList<>();
    private final Thread hook = new Thread(this::interrupted, "muser-cleanup");
    private volatile boolean interrupted;

    Workshop(String name) {
        try {
            folder = Files.createTempDirectory("muser-" + name + "-"); // mode 0700
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        Runtime.getRuntime().addShutdownHook(hook);
    }

    Path path(String name) {
        return folder.resolve(name);
    }

    /** Starts a child and waits until it is ready. */
    Child start(String... arguments) {
        var child = Child.start(arguments);
        children.add(child);
        child.awaitReady();
        return child;
    }

    /** Whether the process is being told to end, so that what fails now is no news. */
    boolean isInterrupted() {
        return interrupted;
    }

    private void interrupted() {
        interrupted = true;
        clear();
    }

    private synchronized void clear() {
        children.forEach(Child::close);
        try (var files = Files.list(folder)) {
            for (var file : files.toList()) {
                Files.deleteIfExists(file);
            }
            Files.deleteIfExists(folder);
        } catch (IOException e) {
            // cleared before
        }
    }

    @Override
    public void close() {
        clear();
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            // it is running
        }
    }
}
