package dev.muser.testkit;

import dev.muser.device.EventLoop;
import dev.muser.linux.EventFd;
import dev.muser.linux.Fd;
import dev.muser.linux.Poll;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;

/** A loop that runs when it is told to, on the thread that tells it. */
final class InlineLoop implements EventLoop {
    private record Watch(Fd fd, Runnable readable) {}

    private final ConcurrentLinkedQueue<Runnable> tasks = new ConcurrentLinkedQueue<>();
    private final List<Watch> watches = new ArrayList<>();
    private final List<BooleanSupplier> pollers = new ArrayList<>();
    private final List<InlineTimer> timers = new ArrayList<>();
    private final Thread owner = Thread.currentThread();
    private final MemorySegment scratch = Arena.ofAuto().allocate(8, 8);

    /** Tells the owner, when it sleeps in a driver's wait, that another thread has left a task. */
    private final Fd wake = EventFd.create();

    private volatile boolean woken;

    /** Does what there is to do now; returns whether it is to run again at once. */
    boolean run() {
        if (woken) {
            woken = false; // before the tasks are taken, so that one that comes now is not missed
            EventFd.take(wake, scratch);
        }
        for (var task = tasks.poll(); task != null; task = tasks.poll()) {
            task.run();
        }
        for (var watch : List.copyOf(watches)) {
            if (watches.contains(watch) && Poll.await(watch.fd, Poll.IN, Duration.ZERO)) {
                watch.readable.run();
            }
        }
        for (var timer : List.copyOf(timers)) {
            timer.runIfDue();
        }
        boolean worked = false;
        for (var poller : List.copyOf(pollers)) {
            worked |= poller.getAsBoolean();
        }
        // A poller that found nothing has not stopped: it wants further turns before it does.
        return worked || !pollers.isEmpty() || !timers.isEmpty() || !tasks.isEmpty();
    }

    List<Fd> watched() {
        return Stream.concat(Stream.of(wake), watches.stream().map(Watch::fd)).toList();
    }

    void close() {
        wake.close();
    }

    @Override
    public void execute(Runnable task) {
        tasks.add(task);
        if (Thread.currentThread() != owner) {
            EventFd.signal(wake);
            woken = true; // after the signal, so that it is taken when this is seen
        }
    }

    @Override
    public Timer timer(Runnable task) {
        return new InlineTimer(task);
    }

    @Override
    public Registration watch(Fd fd, Runnable readable) {
        var watch = new Watch(fd, readable);
        watches.add(watch);
        return () -> watches.remove(watch);
    }

    @Override
    public Poller poller(BooleanSupplier work) {
        return new InlinePoller(work);
    }

    private final class InlinePoller implements Poller {
        private final BooleanSupplier work;

        InlinePoller(BooleanSupplier work) {
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

    private final class InlineTimer implements Timer {
        private final Runnable task;
        private long deadline;

        InlineTimer(Runnable task) {
            this.task = task;
        }

        void runIfDue() {
            if (timers.contains(this) && deadline - System.nanoTime() <= 0) {
                timers.remove(this);
                task.run();
            }
        }

        @Override
        public void arm(long nanoseconds) {
            timers.remove(this);
            deadline = System.nanoTime() + nanoseconds;
            timers.add(this);
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
