package dev.muser.bench.jmh;

import dev.muser.device.EventLoop;
import dev.muser.linux.Fd;
import java.util.function.BooleanSupplier;

/** The loop of a device that is called by the benchmark's own thread, and wants nothing of it. */
final class NoLoop implements EventLoop {
    @Override
    public void execute(Runnable task) {
        throw unwanted();
    }

    @Override
    public Timer timer(Runnable task) {
        throw unwanted();
    }

    @Override
    public Registration watch(Fd fd, Runnable readable) {
        throw unwanted();
    }

    @Override
    public Poller poller(BooleanSupplier work) {
        throw unwanted();
    }

    private static IllegalStateException unwanted() {
        return new IllegalStateException("a benchmark's device needs a loop");
    }
}
