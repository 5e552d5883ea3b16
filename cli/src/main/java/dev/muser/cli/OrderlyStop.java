package dev.muser.cli;

import dev.muser.cli.control.ControlServer;
import dev.muser.server.DeviceServer;
import dev.muser.server.Loop;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.LockSupport;

/**
 * Servers and their loop, closed in order: when they have done, or when SIGTERM or SIGINT comes.
 * Either way the process ends with 0 and leaves no socket behind.
 */
final class OrderlyStop implements AutoCloseable {
    /** How long a device may keep its loop busy before the process ends without it. */
    private static final Duration PATIENCE = Duration.ofSeconds(3);

    private final Loop loop;
    private final List<DeviceServer> servers = new CopyOnWriteArrayList<>();
    private final List<ControlServer> controls = new CopyOnWriteArrayList<>();
    private boolean closed;

    OrderlyStop(Loop loop) {
        this.loop = loop;
    }

    Loop loop() {
        return loop;
    }

    List<DeviceServer> servers() {
        return servers;
    }

    void add(DeviceServer server) {
        servers.add(server);
    }

    void add(ControlServer control) {
        controls.add(control);
    }

    /**
     * Closes everything when the process is told to end.
     *
     * @param kept what is kept of it
     */
    void onSignals(KeptProcess kept) {
        Runtime.getRuntime().addShutdownHook(new Thread(() -> end(kept), "muser-stop"));
    }

    private void end(KeptProcess kept) {
        if (kept.leavesDevices()) {
            // Between two requests; everything is where the next process finds it.
            loop.execute(() -> Runtime.getRuntime().halt(ExitCode.OK));
            LockSupport.parkNanos(PATIENCE.toNanos());
        }
        kept.manager().stopping();
        halt();
    }

    private void halt() {
        var closing = Thread.ofPlatform().daemon().unstarted(this::close);
        closing.start();
        boolean ended;
        try {
            ended = closing.join(PATIENCE);
        } catch (InterruptedException e) {
            ended = false;
        }
        if (!ended) {
            System.err.println("muser: error: the device does not come to an end: killed");
        }
        Runtime.getRuntime().halt(ended ? Main.exitCode() : ExitCode.FAILED);
    }

    /** Ends the sessions, removes the sockets, ends the loop. Idempotent; any thread. */
    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        servers.forEach(DeviceServer::close);
        loop.close();
        controls.forEach(ControlServer::close);
    }
}
