package dev.muser.server;

import dev.muser.device.EventLoop;
import dev.muser.device.VfioDevice;
import dev.muser.linux.Epoll;
import dev.muser.linux.Fd;
import dev.muser.linux.SyscallException;
import dev.muser.linux.UnixListener;
import dev.muser.linux.UnixSocket;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * One device behind one socket, on a loop that it may share with others.
 *
 * <p>One client at a time: the next one waits in the socket's queue until the session before it is
 * over. A device that throws ends its client's session, and no more.
 *
 * <p>Any thread may call these methods; the device itself only ever runs on the loop's thread.
 */
public final class DeviceServer implements AutoCloseable {
    private static final Logger LOG = System.getLogger(DeviceServer.class.getName());

    /** Clients that may wait for their turn. */
    private static final int BACKLOG = 16;

    private final Loop loop;
    private final ServerOptions options;
    private final GuardedLoop guarded;
    private final VfioDevice device;
    private final CompletableFuture<Void> ended = new CompletableFuture<>();
    private final LogLimit logLimit = new LogLimit();

    // the loop's thread only
    private @Nullable UnixListener listener;
    private int listenerToken;
    private @Nullable Session session;
    private boolean closed;

    private DeviceServer(
            Loop loop, Function<? super EventLoop, VfioDevice> maker, ServerOptions options) {
        this.loop = loop;
        this.options = options;
        guarded = new GuardedLoop(loop);
        device = maker.apply(guarded);
    }

    /**
     * Makes a device and serves it at {@code path} to one client after the other.
     *
     * @param maker is called on the loop's thread, with the loop that the device is to use
     * @throws SyscallException as {@link UnixListener#bind} does, and what {@code maker} throws
     */
    public static DeviceServer listen(
            Loop loop,
            Function<? super EventLoop, VfioDevice> maker,
            Path path,
            ServerOptions options) {
        return create(
                loop, maker, options, server -> server.listen(UnixListener.bind(path, BACKLOG)));
    }

    /**
     * Makes a device and serves it on an inherited socket: one client after the other if it
     * listens, else the one client that is connected.
     *
     * @param socket belongs to the server from now on
     * @throws SyscallException ENOTSOCK when it is no UNIX stream socket
     */
    public static DeviceServer adopt(
            Loop loop,
            Function<? super EventLoop, VfioDevice> maker,
            Fd socket,
            ServerOptions options) {
        return create(
                loop,
                maker,
                options,
                server -> {
                    if (UnixListener.isListening(socket)) {
                        server.listen(UnixListener.adopt(socket));
                    } else {
                        server.begin(UnixSocket.adopt(socket));
                    }
                });
    }

    private interface Start {
        void run(DeviceServer server);
    }

    private static DeviceServer create(
            Loop loop,
            Function<? super EventLoop, VfioDevice> maker,
            ServerOptions options,
            Start start) {
        return onLoop(
                loop,
                () -> {
                    var server = new DeviceServer(loop, maker, options);
                    try {
                        start.run(server);
                    } catch (SyscallException e) {
                        server.device.close();
                        throw e;
                    }
                    return server;
                });
    }

    private interface Work<T> {
        T run();
    }

    private static <T> T onLoop(Loop loop, Work<T> work) {
        if (loop.isLoopThread()) {
            return work.run();
        }
        var result = new CompletableFuture<T>();
        loop.execute(() -> {
            try {
                result.complete(work.run());
            } catch (RuntimeException | Error e) {
                result.completeExceptionally(e);
            }
        });
        try {
            return result.join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof RuntimeException cause) {
                throw cause;
            }
            throw e;
        }
    }

    /** Waits until there is no client any more and none can come. */
    public void awaitEnd() {
        ended.join();
    }

    /** Ends the session, removes the socket, closes the device. Idempotent. */
    @Override
    public void close() {
        onLoop(
                loop,
                () -> {
                    shutDown("the server is closed");
                    return true;
                });
    }

    private void shutDown(String reason) {
        if (closed) {
            return;
        }
        closed = true;
        var current = session;
        if (current != null) {
            current.end(new ConnectionLost(reason, 0));
        }
        var listening = listener;
        if (listening != null) {
            loop.unregister(listening.fd(), listenerToken);
            listening.close();
        }
        guarded.close();
        device.close();
        ended.complete(null);
    }

    private void listen(UnixListener listening) {
        listener = listening;
        listenerToken = loop.register(listening.fd(), Epoll.IN, events -> accept(listening));
    }

    private void accept(UnixListener listening) {
        UnixSocket client;
        try {
            client = listening.accept();
        } catch (SyscallException e) {
            // Out of descriptors: the client waits in the queue. Look again later, not at once.
            log(Level.WARNING, "cannot accept a client: " + e.getMessage());
            loop.modify(listening.fd(), 0, listenerToken);
            loop.timer(() -> resume(listening)).arm(100_000_000);
            return;
        }
        if (client == null) {
            return;
        }
        if (!options.allowedUsers().isEmpty()) {
            int uid = client.peer().uid();
            if (!options.allowedUsers().contains(uid)) {
                log(Level.WARNING, "refused a client of user " + uid);
                client.close();
                return;
            }
        }
        begin(client);
    }

    private void begin(UnixSocket client) {
        var listening = listener;
        if (listening != null) {
            // The next client waits in the queue.
            loop.modify(listening.fd(), 0, listenerToken);
        }
        var fresh = new Session(loop, device, client, options, this::sessionEnded);
        session = fresh;
        fresh.start();
    }

    private void sessionEnded(String reason) {
        session = null;
        log(Level.DEBUG, "session over: " + reason);
        var listening = listener;
        if (closed) {
            return;
        }
        if (listening != null) {
            resume(listening);
        } else {
            shutDown(reason);
        }
    }

    private void resume(UnixListener listening) {
        if (!closed && session == null) {
            loop.modify(listening.fd(), Epoll.IN, listenerToken);
        }
    }

    private void log(Level level, String message) {
        if (logLimit.allows()) {
            LOG.log(level, message);
        }
    }

    /** The loop as the device has it: what the device does there fails for the device alone. */
    private final class GuardedLoop implements EventLoop {
        private final Loop real;
        private final Registrations open = new Registrations();

        GuardedLoop(Loop real) {
            this.real = real;
        }

        private void run(Runnable task) {
            if (closed) {
                return;
            }
            var current = session;
            if (current != null) {
                current.run(task);
                return;
            }
            try {
                task.run();
            } catch (RuntimeException | StackOverflowError | OutOfMemoryError | InternalError e) {
                LOG.log(Level.ERROR, "the device failed while it had no client", e);
            }
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
        public Registration poll(java.util.function.BooleanSupplier poller) {
            var polled = new PolledTask(poller);
            return open.add(
                    real.poll(() -> {
                        run(polled);
                        return polled.worked();
                    }));
        }

        void close() {
            open.close();
        }
    }
}
