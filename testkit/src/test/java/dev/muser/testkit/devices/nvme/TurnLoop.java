package dev.muser.testkit.devices.nvme;

import dev.muser.device.EventLoop;
import dev.muser.linux.Fd;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.BooleanSupplier;

/** A loop of a process that can die: turns when it is told to; each thing is a transaction. */
final class TurnLoop implements EventLoop {
    private final ConcurrentLinkedQueue<Runnable> tasks = new ConcurrentLinkedQueue<>();
    private final List<BooleanSupplier> pollers = new ArrayList<>();
    private final List<TurnTimer> timers = new ArrayList<>();
    private final Runnable commit;
    private volatile boolean abandoned;

    /**
     * @param commit ends a transaction
     */
    TurnLoop(Runnable commit) {
        this.commit = commit;
    }

    /** Does what there is to do now; returns whether there was something. */
    boolean turn() {
        boolean worked = false;
        for (int n = tasks.size(); n > 0; n--) {
            var task = tasks.poll();
            if (task != null) {
                task.run();
                commit.run();
                worked = true;
            }
        }
        for (var timer : List.copyOf(timers)) {
            if (timers.contains(timer) && timer.deadline - System.nanoTime() <= 0) {
                timers.remove(timer);
                timer.task.run();
                commit.run();
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

    /** Whether it is to turn again at once. */
    boolean isBusy() {
        return !pollers.isEmpty() || !tasks.isEmpty() || !timers.isEmpty();
    }

    /** Nothing runs here any more. */
    void abandon() {
        abandoned = true;
        tasks.clear();
        pollers.clear();
        timers.clear();
    }

    @Override
    public void execute(Runnable task) {
        if (!abandoned) {
            tasks.add(task);
        }
    }

    @Override
    public Timer timer(Runnable task) {
        return new TurnTimer(task);
    }

    @Override
    public Registration watch(Fd fd, Runnable readable) {
        throw new UnsupportedOperationException("nothing here waits for descriptors");
    }

    @Override
    public Poller poller(BooleanSupplier work) {
        return new TurnPoller(work);
    }

    private final class TurnPoller implements Poller {
        private final BooleanSupplier work;

        TurnPoller(BooleanSupplier work) {
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

    private final class TurnTimer implements Timer {
        private final Runnable task;
        private long deadline;

        TurnTimer(Runnable task) {
            this.task = task;
        }

        @Override
        public void arm(long nanoseconds) {
            disarm();
            if (!abandoned) {
                deadline = System.nanoTime() + nanoseconds;
                timers.add(this);
            }
        }

        @Override
        public void disarm() {
            timers.remove(this);
        }

        @Override
        public void close() {
            disarm();
        }
    }
}
