package dev.muser.device.pci;

import dev.muser.device.EventLoop;
import dev.muser.linux.Fd;
import dev.muser.linux.Poll;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The loop as a device has it that can be made to stand still: while it is stopped, nothing that
 * was registered here runs. Tasks and signals wait, and timers keep the time that they had left.
 */
final class DeviceLoop implements EventLoop {
    private final EventLoop real;
    private final List<Member> members = new ArrayList<>();
    private final Queue<Runnable> waiting = new ArrayDeque<>();
    private boolean stopped;

    /** What stops with the loop. */
    private abstract class Member implements Registration {
        Member() {
            members.add(this);
        }

        abstract void halt();

        abstract void goOn();

        @Override
        public void close() {
            members.remove(this);
        }
    }

    DeviceLoop(EventLoop real) {
        this.real = real;
    }

    /** Runs what has been signalled by now: from {@link #stop} on, a client's signal waits. */
    void takeSignals() {
        for (var member : List.copyOf(members)) {
            if (member instanceof DeviceWatch watch) {
                watch.takeSignal();
            }
        }
    }

    boolean isStopped() {
        return stopped;
    }

    void stop() {
        if (!stopped) {
            stopped = true;
            members.forEach(Member::halt);
        }
    }

    void go() {
        if (stopped) {
            stopped = false;
            List.copyOf(members).forEach(Member::goOn);
            for (var task = waiting.poll(); task != null; task = waiting.poll()) {
                execute(task);
            }
        }
    }

    @Override
    public void execute(Runnable task) {
        real.execute(() -> run(task));
    }

    private void run(Runnable task) {
        if (stopped) {
            waiting.add(task);
        } else {
            task.run();
        }
    }

    @Override
    public Timer timer(Runnable task) {
        return new DeviceTimer(task);
    }

    @Override
    public Registration watch(Fd fd, Runnable readable) {
        return new DeviceWatch(fd, readable);
    }

    @Override
    public Poller poller(BooleanSupplier work) {
        return new DevicePoller(work);
    }

    @Override
    public boolean isQuiet() {
        return real.isQuiet();
    }

    private final class DeviceTimer extends Member implements Timer {
        private final Timer timer;
        private boolean armed;
        private long deadline;

        /** While the loop is stopped, in nanoseconds. */
        private long left;

        DeviceTimer(Runnable task) {
            timer =
                    real.timer(() -> {
                        armed = false;
                        task.run();
                    });
        }

        @Override
        public void arm(long nanoseconds) {
            armed = true;
            if (stopped) {
                left = nanoseconds;
            } else {
                deadline = System.nanoTime() + nanoseconds;
                timer.arm(nanoseconds);
            }
        }

        @Override
        public void disarm() {
            armed = false;
            timer.disarm();
        }

        @Override
        void halt() {
            if (armed) {
                left = Math.max(0, deadline - System.nanoTime());
                timer.disarm();
            }
        }

        @Override
        void goOn() {
            if (armed) {
                arm(left);
            }
        }

        @Override
        public void close() {
            super.close();
            armed = false;
            timer.close();
        }
    }

    private final class DeviceWatch extends Member {
        private final Fd fd;
        private final Runnable readable;
        private @Nullable Registration watch;

        DeviceWatch(Fd fd, Runnable readable) {
            this.fd = fd;
            this.readable = readable;
            if (!stopped) {
                try {
                    watch = real.watch(fd, readable);
                } catch (RuntimeException e) {
                    super.close();
                    throw e;
                }
            }
        }

        void takeSignal() {
            if (watch != null && Poll.await(fd, Poll.IN, Duration.ZERO)) {
                readable.run();
            }
        }

        @Override
        void halt() {
            if (watch != null) {
                watch.close();
                watch = null;
            }
        }

        @Override
        void goOn() {
            watch = real.watch(fd, readable);
        }

        @Override
        public void close() {
            super.close();
            halt();
        }
    }

    private final class DevicePoller extends Member implements Poller {
        private final Poller poller;
        private boolean started;

        DevicePoller(BooleanSupplier work) {
            poller = real.poller(work);
        }

        @Override
        public void start() {
            started = true;
            if (!stopped) {
                poller.start();
            }
        }

        @Override
        public void stop() {
            started = false;
            poller.stop();
        }

        @Override
        void halt() {
            poller.stop();
        }

        @Override
        void goOn() {
            if (started) {
                poller.start();
            }
        }

        @Override
        public void close() {
            super.close();
            started = false;
            poller.close();
        }
    }
}
