package dev.muser.devices.storage;

import dev.muser.device.EventLoop;
import dev.muser.linux.Fd;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;

/** A loop that is run by the test, on its thread, by the clock that the test gives. */
public final class FakeLoop implements EventLoop {
    private final LongSupplier clock;
    private final LinkedBlockingQueue<Runnable> tasks = new LinkedBlockingQueue<>();
    private final List<FakeTimer> armed = new ArrayList<>();

    public FakeLoop(LongSupplier clock) {
        this.clock = clock;
    }

    @Override
    public void execute(Runnable task) {
        tasks.add(task);
    }

    @Override
    public Timer timer(Runnable task) {
        return new FakeTimer(task);
    }

    @Override
    public Registration watch(Fd fd, Runnable readable) {
        throw new UnsupportedOperationException("no descriptors");
    }

    @Override
    public Poller poller(BooleanSupplier work) {
        throw new UnsupportedOperationException("no pollers");
    }

    /** Runs the tasks of now, and the timers that are due. */
    public void turn() {
        for (int n = tasks.size(); n > 0; n--) {
            tasks.remove().run();
        }
        for (var timer : List.copyOf(armed)) {
            if (timer.due - clock.getAsLong() <= 0 && armed.remove(timer)) {
                timer.task.run();
            }
        }
    }

    /** Turns until it is so, for as long as the test may take. */
    public void runUntil(BooleanSupplier condition) {
        while (!condition.getAsBoolean()) {
            try {
                var task = tasks.poll(1, TimeUnit.MILLISECONDS);
                if (task != null) {
                    task.run();
                }
            } catch (InterruptedException e) {
                throw new AssertionError("interrupted", e);
            }
            turn();
        }
    }

    public int tasks() {
        return tasks.size();
    }

    public int timersArmed() {
        return armed.size();
    }

    /** Returns when the next timer is due, by the clock. */
    public long due() {
        return armed.stream().mapToLong(timer -> timer.due).min().orElseThrow();
    }

    private final class FakeTimer implements Timer {
        private final Runnable task;
        private long due;

        FakeTimer(Runnable task) {
            this.task = task;
        }

        @Override
        public void arm(long nanoseconds) {
            disarm();
            due = clock.getAsLong() + nanoseconds;
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
