package dev.muser.cli;

import dev.muser.devices.storage.ImageFiles;
import dev.muser.linux.DiskFile;
import dev.muser.linux.Fd;
import dev.muser.service.StandbyProcess;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.LinkedBlockingQueue;
import org.jspecify.annotations.Nullable;

/**
 * The main thread while a server serves: it stays outside of the rules that all threads of the
 * server have for files, and does for them what an operator asks for by the command line or the
 * control socket. That is to open images, and to start the next process.
 *
 * <p>Any thread may ask, and waits.
 */
final class Broker implements ImageFiles {
    private final LinkedBlockingQueue<FutureTask<?>> asked = new LinkedBlockingQueue<>();

    /** Whether what is asked is done by the main thread; else by who asks. */
    private boolean serving;

    /**
     * Has {@code server} run on a thread of its own, which restricts itself first and begins all
     * others. Returns what it returns, or throws what it throws, and does meanwhile what is asked.
     *
     * @param restrict is run on that thread
     */
    <T> T serve(Runnable restrict, Callable<T> server) {
        var task =
                new FutureTask<T>(
                        () -> {
                            restrict.run();
                            return server.call();
                        }) {
                    @Override
                    protected void done() {
                        end();
                    }
                };
        synchronized (this) {
            serving = true;
        }
        Thread.ofPlatform().daemon().name("muser-serve").start(task);
        try {
            do {
                asked.take().run();
            } while (isServing() || !asked.isEmpty());
        } catch (InterruptedException e) {
            throw new IllegalStateException("the main thread was interrupted", e);
        }
        return resultOf(task);
    }

    private synchronized void end() {
        serving = false;
        asked.add(new FutureTask<>(() -> {}, null)); // wakes the main thread, and is the last
    }

    private synchronized boolean isServing() {
        return serving;
    }

    private <T> T ask(Callable<T> errand) {
        var task = new FutureTask<>(errand);
        if (!queue(task)) {
            task.run();
        }
        return resultOf(task);
    }

    private synchronized boolean queue(FutureTask<?> task) {
        return serving && asked.add(task);
    }

    private static <T> T resultOf(FutureTask<T> task) {
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    return task.get();
                } catch (InterruptedException e) {
                    interrupted = true; // what was asked for is done, and belongs to the caller
                }
            }
        } catch (ExecutionException e) {
            switch (e.getCause()) {
                case RuntimeException thrown -> throw thrown;
                case Error thrown -> throw thrown;
                case null, default -> throw new IllegalStateException(e.getCause());
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    @Override
    public Fd open(Path path, int flags) {
        return ask(() -> DiskFile.open(path, flags));
    }

    @Override
    public boolean delete(Path path) {
        return ask(() -> path.toFile().delete());
    }

    /** Starts a process as {@link StandbyProcess#start} does. */
    StandbyProcess start(
            List<String> command, Map<String, String> environment, @Nullable Fd lifeline) {
        return ask(() -> StandbyProcess.start(command, environment, lifeline));
    }
}
