package dev.muser.server;

import dev.muser.device.EventLoop;
import dev.muser.linux.Fd;
import dev.muser.linux.TimerFd;
import java.util.PriorityQueue;

/** A loop's timers, all behind one timerfd. */
final class Timers implements Source, AutoCloseable {
    /** Some 146 years: deadlines stay comparable by difference. */
    private static final long LONGEST = Long.MAX_VALUE / 2;

    private final TimerFd timerFd = new TimerFd();
    private final PriorityQueue<LoopTimer> armed =
            // by difference: nanoTime may start anywhere and wrap
            new PriorityQueue<>((a, b) -> Long.signum(a.deadline - b.deadline));

    Fd fd() {
        return timerFd.fd();
    }

    EventLoop.Timer create(Runnable task) {
        return new LoopTimer(task);
    }

    @Override
    public void ready(int events) {
        timerFd.take();
        long now = System.nanoTime();
        for (var first = armed.peek();
                first != null && first.deadline - now <= 0;
                first = armed.peek()) {
            armed.remove();
            first.task.run();
        }
        rearm();
    }

    private void rearm() {
        var first = armed.peek();
        if (first == null) {
            timerFd.disarm();
        } else {
            timerFd.arm(first.deadline - System.nanoTime());
        }
    }

    @Override
    public void close() {
        timerFd.close();
    }

    private final class LoopTimer implements EventLoop.Timer {
        private final Runnable task;
        private long deadline;
        private boolean closed;

        LoopTimer(Runnable task) {
            this.task = task;
        }

        @Override
        public void arm(long nanoseconds) {
            if (closed) {
                return;
            }
            armed.remove(this);
            // A time in the past would keep ready() going for ever if the task arms again.
            deadline = System.nanoTime() + Math.clamp(nanoseconds, 0, LONGEST);
            armed.add(this);
            if (armed.peek() == this) {
                rearm();
            }
        }

        @Override
        public void disarm() {
            // The timerfd may fire for nothing; that is cheaper than to set it each time.
            armed.remove(this);
        }

        @Override
        public void close() {
            closed = true;
            disarm();
        }
    }
}
