package dev.muser.server;

import dev.muser.device.EventLoop;
import dev.muser.linux.Fd;
import dev.muser.linux.MemoryFault;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/** The loop as the device has it: what the device does there fails for the device alone. */
final class GuardedLoop implements EventLoop {
    private final Loop real;
    private final DeviceServer server;
    private final Registrations open = new Registrations();

    GuardedLoop(Loop real, DeviceServer server) {
        this.real = real;
        this.server = server;
    }

    private void run(Runnable task) {
        if (server.isClosed()) {
            return;
        }
        var current = server.session();
        if (current != null) {
            current.run(task);
            return;
        }
        try {
            task.run();
            MemoryFault.fence();
        } catch (Throwable t) {
            server.deviceFailed(t);
        }
        server.commit();
    }

    @Override
    public void execute(Runnable task) {
        real.execute(() -> run(task));
    }

    @Override
    public Timer timer(Runnable task) {
        return open.add(real.timer(() -> run(task)));
    }

    @Override
    public Registration watch(Fd fd, Runnable readable) {
        return open.add(real.watch(fd, () -> run(readable)));
    }

    @Override
    public boolean isQuiet() {
        return real.isQuiet();
    }

    @Override
    public Poller poller(BooleanSupplier work) {
        var guarded = new GuardedWork(work);
        var poller = open.add(real.poller(() -> pollOnce(guarded)));
        guarded.poller = poller;
        return poller;
    }

    /**
     * What a poller does, until it fails: then the poller is stopped, or it would fail in each turn
     * of the loop for ever. The device starts it again with its next client.
     */
    private static final class GuardedWork implements BooleanSupplier {
        private final BooleanSupplier work;
        private @Nullable Poller poller;

        GuardedWork(BooleanSupplier work) {
            this.work = work;
        }

        @Override
        public boolean getAsBoolean() {
            boolean failed = true;
            try {
                boolean worked = work.getAsBoolean();
                failed = false;
                return worked;
            } finally {
                if (failed && poller != null) {
                    poller.stop();
                }
            }
        }
    }

    private boolean pollOnce(BooleanSupplier work) {
        if (server.isClosed()) {
            return false;
        }
        var current = server.session();
        if (current != null) {
            return current.poll(work);
        }
        try {
            boolean worked = work.getAsBoolean();
            MemoryFault.fence();
            server.commit();
            return worked;
        } catch (Throwable t) {
            server.deviceFailed(t);
            return false;
        }
    }

    void close() {
        open.close();
    }
}
