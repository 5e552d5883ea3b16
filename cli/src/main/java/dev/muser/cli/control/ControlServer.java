package dev.muser.cli.control;

import dev.muser.device.EventLoop;
import dev.muser.linux.SyscallException;
import dev.muser.linux.UnixListener;
import dev.muser.linux.UnixSocket;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.Semaphore;
import java.util.function.UnaryOperator;
import tools.jackson.jr.ob.JSON;

/**
 * Answers requests of a disk's operator: a line of JSON each, a line of JSON back. The socket has
 * mode 0600, so that only this user comes.
 *
 * <p>The loop accepts, which costs nothing while nobody comes; each client has a thread of its own.
 */
public final class ControlServer implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger(ControlServer.class.getName());
    private static final int BACKLOG = 8;
    private static final int CLIENTS = 8;
    private static final int LONGEST = 64 << 10;
    private static final Duration PATIENCE = Duration.ofSeconds(10);

    private final UnixListener listener;
    private final UnaryOperator<Map<String, Object>> requests;
    private final Semaphore free = new Semaphore(CLIENTS);

    private ControlServer(UnixListener listener, UnaryOperator<Map<String, Object>> requests) {
        this.listener = listener;
        this.requests = requests;
    }

    /** Returns where the control socket of a device's socket is. */
    public static Path pathFor(Path socket) {
        return socket.resolveSibling(socket.getFileName() + ".control");
    }

    /**
     * Listens.
     *
     * @param loop of the device, with which the listening ends
     * @param requests answers one, on the client's thread
     * @throws SyscallException as {@link UnixListener#bind} does
     */
    public static ControlServer listen(
            Path path, EventLoop loop, UnaryOperator<Map<String, Object>> requests) {
        var server = new ControlServer(UnixListener.bind(path, BACKLOG), requests);
        loop.execute(() -> {
            var _ = loop.watch(server.listener.fd(), server::accept);
        });
        return server;
    }

    private void accept() {
        UnixSocket client;
        try {
            client = listener.accept();
        } catch (SyscallException e) {
            LOG.log(Level.DEBUG, "cannot accept a control client: {0}", e.getMessage());
            return;
        }
        if (client == null) {
            return;
        }
        if (!free.tryAcquire()) {
            client.close();
            return;
        }
        Thread.ofPlatform().daemon().name("muser-control").start(() -> serve(client));
    }

    private void serve(UnixSocket client) {
        try (var lines = new Lines(client, LONGEST, PATIENCE)) {
            for (var line = lines.read(); line != null; line = lines.read()) {
                lines.write(JSON.std.asString(answer(line)));
            }
        } catch (IOException | RuntimeException e) {
            LOG.log(Level.DEBUG, "a control client: {0}", e.getMessage());
        } finally {
            free.release();
        }
    }

    private Map<String, Object> answer(String line) {
        try {
            return requests.apply(JSON.std.mapFrom(line));
        } catch (RuntimeException e) { // whatever it was that came
            return Map.of("error", String.valueOf(e.getMessage()).lines().findFirst().orElse(""));
        }
    }

    /** Removes the socket. The device has been closed, and its loop ended. */
    @Override
    public void close() {
        listener.close();
    }
}
