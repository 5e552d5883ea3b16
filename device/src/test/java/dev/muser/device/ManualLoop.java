package dev.muser.device;

import dev.muser.linux.Fd;
import dev.muser.linux.Poll;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.function.BooleanSupplier;

/** An event loop that a test runs by hand; timers expire when the test says so. */
public final class ManualLoop implements EventLoop {
    private record Watch(Fd fd, Runnable readable) {}

    private final Queue<Runnable> tasks = new ArrayDeque<>();
    private final List<Watch> watches = new ArrayList<>();
    private final List<BooleanSupplier> pollers = new ArrayList<>();
    private final List<ManualTimer> armed = new ArrayList<>();

    @Override
    public void execute(Runnable task) {
        tasks.add(task);
    }

    @Override
    public Timer timer(Runnable task) {
        return new ManualTimer(task);
    }

    @Override
    public Registration watch(Fd fd, Runnable readable) {
        var watch = new Watch(fd, readable);
        watches.add(watch);
        return () -> watches.remove(watch);
    }

    @Override
    public Poller poller(BooleanSupplier work) {
        return new ManualPoller(work);
    }

    /**
     * Runs the tasks, the watches whose descriptor can be read, and the pollers, once each.
     *
     * @return how many pollers found work
     */
    public int turn() {
        for (int n = tasks.size(); n > 0; n--) {
            tasks.remove().run();
        }
        for (var watch : List.copyOf(watches)) {
            if (watches.contains(watch) && Poll.await(watch.fd, Poll.IN, Duration.ZERO)) {
                watch.readable.run();
            }
        }
        int found = 0;
        for (var poller : List.copyOf(pollers)) {
            found += poller.getAsBoolean() ? 1 : 0;
        }
        return found;
    }

    /** Lets all timers that are armed expire. */
    public void expire() {
        var due = List.copyOf(armed);
        armed.clear();
        due.forEach(timer -> timer.task.run());
    }

    /** Returns how many descriptors are watched. */
    public int watched() {
        return watches.size();
    }

    private final class ManualPoller implements Poller {
        private final BooleanSupplier work;

        ManualPoller(BooleanSupplier work) {
            this.work = work;
        }

        @Override
        public void start() {
            if (!pollers.contains(work)) {
                pollers.add(work);
            }
        }

        @Override
        public void stop() {
            pollers.remove(work);
        }

        @Override
        public void close() {
            stop();
        }
    }

    private final class ManualTimer implements Timer {
        private final Runnable task;

        ManualTimer(Runnable task) {
            this.task = task;
        }

        @Override
        public void arm(long nanoseconds) {
            disarm();
            armed.add(this);
        }

        @Override
        public void disarm() {
            armed.remove(this);
        }

        @Override
        public void close() {
            disarm();
        }
    }
}
