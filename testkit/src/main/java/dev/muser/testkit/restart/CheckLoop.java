package dev.muser.testkit.restart;

import dev.muser.device.EventLoop;
import dev.muser.linux.Fd;
import dev.muser.linux.Poll;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.BooleanSupplier;

/**
 * A loop that turns when it is told to, and whose timers expire when it is told to. Each thing that
 * it runs is a transaction. Owned by one thread; others may only {@link #execute}.
 */
public final class CheckLoop implements EventLoop {
    private record Watch(Fd fd, Runnable readable) {}

    private final ConcurrentLinkedQueue<Runnable> tasks = new ConcurrentLinkedQueue<>();
    private final List<Watch> watches = new ArrayList<>();
    private final List<BooleanSupplier> pollers = new ArrayList<>();
    private final List<CheckTimer> armed = new ArrayList<>();
    private final Runnable commit;
    private volatile boolean abandoned;

    /**
     * @param commit ends a transaction
     */
    public CheckLoop(Runnable commit) {
        this.commit = commit;
    }

    /**
     * Runs once each: tasks, watches whose descriptor can be read, pollers; returns whether there
     * was anything to do.
     */
    public boolean turn() {
        boolean worked = false;
        for (int n = tasks.size(); n > 0; n--) {
            var task = tasks.poll();
            if (task != null) {
                run(task);
                worked = true;
            }
        }
        for (var watch : List.copyOf(watches)) {
            if (watches.contains(watch) && Poll.await(watch.fd, Poll.IN, Duration.ZERO)) {
                run(watch.readable);
                worked = true;
            }
        }
        for (var poller : List.copyOf(pollers)) {
            if (pollers.contains(poller)) {
                worked |= poller.getAsBoolean();
                commit.run();
            }
        }
        return worked;
    }

    boolean hasPollers() {
        return !pollers.isEmpty();
    }

    private void run(Runnable task) {
        task.run();
        commit.run();
    }

    /** Returns how many timers would expire: those with the shortest time, or all. */
    public int due(boolean all) {
        return dueTimers(all).size();
    }

    private List<CheckTimer> dueTimers(boolean all) {
        long shortest =
                armed.stream().mapToLong(timer -> timer.nanoseconds).min().orElse(Long.MAX_VALUE);
        return armed.stream()
                .filter(timer -> all || timer.nanoseconds == shortest)
                .sorted(Comparator.comparingLong(timer -> timer.nanoseconds))
                .toList();
    }

    /** Lets timers expire: those with the shortest time, or all, in the order of their time. */
    public void expire(boolean all) {
        for (var timer : dueTimers(all)) {
            if (armed.remove(timer)) {
                run(timer.task);
            }
        }
    }

    /** Nothing runs here any more. */
    void abandon() {
        abandoned = true;
        tasks.clear();
        watches.clear();
        pollers.clear();
        armed.clear();
    }

    @Override
    public void execute(Runnable task) {
        if (!abandoned) {
            tasks.add(task);
        }
    }

    @Override
    public Timer timer(Runnable task) {
        return new CheckTimer(task);
    }

    @Override
    public Registration watch(Fd fd, Runnable readable) {
        var watch = new Watch(fd, readable);
        watches.add(watch);
        return () -> watches.remove(watch);
    }

    @Override
    public Poller poller(BooleanSupplier work) {
        return new CheckPoller(work);
    }

    private final class CheckPoller implements Poller {
        private final BooleanSupplier work;

        CheckPoller(BooleanSupplier work) {
            this.work = work;
        }

        @Override
        public void start() {
            if (!abandoned && !pollers.contains(work)) {
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

    private final class CheckTimer implements Timer {
        private final Runnable task;
        private long nanoseconds;

        CheckTimer(Runnable task) {
            this.task = task;
        }

        @Override
        public void arm(long newNanoseconds) {
            disarm();
            nanoseconds = newNanoseconds;
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
