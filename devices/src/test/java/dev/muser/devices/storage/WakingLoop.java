package dev.muser.devices.storage;

import dev.muser.device.EventLoop;
import dev.muser.linux.Fd;
import java.util.function.BooleanSupplier;

/** A loop with one timer and without allocation. */
final class WakingLoop implements EventLoop, EventLoop.Timer {
    private Runnable expired = () -> {};

    void expire() {
        expired.run();
    }

    @Override
    public void execute(Runnable task) {
        throw new UnsupportedOperationException("no tasks");
    }

    @Override
    public Timer timer(Runnable task) {
        expired = task;
        return this;
    }

    @Override
    public Registration watch(Fd fd, Runnable readable) {
        throw new UnsupportedOperationException("no descriptors");
    }

    @Override
    public Poller poller(BooleanSupplier work) {
        throw new UnsupportedOperationException("no pollers");
    }

    @Override
    public void arm(long nanoseconds) {}

    @Override
    public void disarm() {}

    @Override
    public void close() {}
}
