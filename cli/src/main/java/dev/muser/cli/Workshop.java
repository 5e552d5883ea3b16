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
    private static final String COMPLAINTS = "complaints";
    private static final int MOST_COMPLAINTS = 10;

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
        return start(JavaCommand.muser(arguments), ProcessBuilder.Redirect.INHERIT);
    }

    /**
     * Starts a child under a keeper, and waits until it is ready.
     *
     * @param options the keeper's
     */
    Child startKept(List<String> options, String... arguments) {
        return start(
                JavaCommand.kept(options, arguments),
                ProcessBuilder.Redirect.appendTo(path(COMPLAINTS).toFile()));
    }

    private Child start(List<String> command, ProcessBuilder.Redirect errors) {
        var child = Child.start(command, errors);
        children.add(child);
        child.awaitReady();
        return child;
    }

    /** Returns the last that kept children and their keepers complained of. */
    List<String> complaints() {
        try {
            var all = Files.readAllLines(path(COMPLAINTS));
            return all.subList(Math.max(0, all.size() - MOST_COMPLAINTS), all.size());
        } catch (IOException e) {
            return List.of(); // there was none
        }
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
