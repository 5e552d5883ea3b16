package dev.muser.cli;

import dev.muser.device.EventLoop;
import dev.muser.linux.Fd;
import java.util.function.BooleanSupplier;

/** A loop that never comes to anything: for a device that is made only to be looked at. */
final class IdleLoop implements EventLoop {
    @Override
    public void execute(Runnable task) {}

    @Override
    public Timer timer(Runnable task) {
        return new Timer() {
            @Override
            public void arm(long nanoseconds) {}

            @Override
            public void disarm() {}

            @Override
            public void close() {}
        };
    }

    @Override
    public Registration watch(Fd fd, Runnable readable) {
        return () -> {};
    }

    @Override
    public Poller poller(BooleanSupplier work) {
        return new Poller() {
            @Override
            public void start() {}

            @Override
            public void stop() {}

            @Override
            public void close() {}
        };
    }
}
