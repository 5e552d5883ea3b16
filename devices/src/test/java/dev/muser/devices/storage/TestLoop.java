package dev.muser.devices.storage;

import dev.muser.device.EventLoop;
import dev.muser.linux.Fd;
import dev.muser.linux.Poll;
import java.time.Duration;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.BooleanSupplier;

/** The loop of a test, which is turned by the test's thread and polls nothing. */
final class TestLoop implements EventLoop {
    private record Watch(Fd fd, Runnable readable) {}

    private final Queue<Runnable> tasks = new ConcurrentLinkedQueue<>();
    private final List<Watch> watches = new CopyOnWriteArrayList<>();

    @Override
    public void execute(Runnable task) {
        tasks.add(task);
    }

    @Override
    public Registration watch(Fd fd, Runnable readable) {
        var watch = new Watch(fd, readable);
        watches.add(watch);
        return () -> watches.remove(watch);
    }

    /** Turns, only ever woken as a sleeping loop is; the test's time limit ends it otherwise. */
    void runUntil(BooleanSupplier end) {
        while (!end.getAsBoolean()) {
            for (var task = tasks.poll(); task != null; task = tasks.poll()) {
                task.run();
            }
            for (var watch : watches) {
                if (Poll.await(watch.fd, Poll.IN, Duration.ofMillis(1))) {
                    watch.readable.run();
                }
            }
        }
    }

    /** Whether a task or a descriptor would wake it. */
    boolean isWoken() {
        return !tasks.isEmpty()
                || watches.stream().anyMatch(w -> Poll.await(w.fd, Poll.IN, Duration.ZERO));
    }

    int watched() {
        return watches.size();
    }

    @Override
    public Timer timer(Runnable task) {
        throw new UnsupportedOperationException();
    }

    @Override
    public Poller poller(BooleanSupplier work) {
        throw new UnsupportedOperationException();
    }
}
