package dev.muser.server;

import dev.muser.device.EventLoop;
import dev.muser.device.VfioDevice;
import dev.muser.device.state.DeviceHome;
import dev.muser.device.state.StateMismatchException;
import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import dev.muser.linux.MemoryFault;
import dev.muser.linux.SyscallException;
import dev.muser.linux.UnixListener;
import dev.muser.linux.UnixSocket;
import java.lang.System.Logger.Level;
import java.nio.file.Path;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.function.BiFunction;
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
    private final Loop loop;
    private final ServerOptions options;
    private final GuardedLoop guarded;
    private final CompletableFuture<Void> ended = new CompletableFuture<>();
    private final LogLimit logLimit = new LogLimit();

    // the loop's thread only
    private @Nullable VfioDevice device;
    private @Nullable Acceptor acceptor;
    private @Nullable Session session;
    private @Nullable Keep keep;
    private boolean closed;

    private DeviceServer(Loop loop, ServerOptions options) {
        this.loop = loop;
        this.options = options;
        guarded = new GuardedLoop(loop, this);
    }

    /**
     * Makes a device and serves it at {@code path} to one client after the other.
     *
     * @param maker is called on the loop's thread, with the loop that the device is to use
     * @throws SyscallException as {@link UnixListener#bind} does, and what {@code maker} throws
     * @throws IllegalStateException when the loop has ended
     */
    public static DeviceServer listen(
            Loop loop,
            Function<? super EventLoop, VfioDevice> maker,
            Path path,
            ServerOptions options) {
        return create(
                loop,
                maker,
                options,
                server -> server.listen(UnixListener.bind(path, Acceptor.BACKLOG)));
    }

    /**
     * Makes a device and serves it on an inherited socket: one client after the other if it
     * listens, else the one client that is connected.
     *
     * @param socket belongs to the server from now on, also when this throws
     * @throws SyscallException ENOTSOCK when it is no UNIX stream socket, EACCES when it is
     *     connected to a user who is not allowed
     * @throws IllegalStateException when the loop has ended
     */
    public static DeviceServer adopt(
            Loop loop,
            Function<? super EventLoop, VfioDevice> maker,
            Fd socket,
            ServerOptions options) {
        try {
            return create(
                    loop,
                    maker,
                    options,
                    server -> {
                        if (UnixListener.isListening(socket)) {
                            server.listen(UnixListener.adopt(socket));
                        } else {
                            server.beginOnly(UnixSocket.adopt(socket));
                        }
                    });
        } catch (RuntimeException | Error e) {
            socket.close();
            throw e;
        }
    }

    /**
     * Makes a device that outlives this process, and serves it at {@code path}: goes on with what a
     * process before this one has left, its client too; or begins, when there is nothing.
     *
     * <p>One gap is left: a client that is connecting when the process dies, and has not been
     * answered, may find the connection closed.
     *
     * @param maker is called on the loop's thread, with the loop that the device is to use and its
     *     home; what it makes uses both
     * @param path where the socket is, or is made
     * @throws SyscallException as {@link UnixListener#bind} does, and what {@code maker} throws
     * @throws StateMismatchException when this build cannot go on from what is there; it is left as
     *     it is
     * @throws IllegalStateException when the loop has ended
     */
    public static DeviceServer keep(
            Loop loop,
            BiFunction<? super EventLoop, ? super DeviceHome, VfioDevice> maker,
            Path path,
            ServerOptions options,
            Keeping keeping) {
        return loop.call(() -> {
            var server = new DeviceServer(loop, options);
            try {
                loop.addServer(server);
                server.keep(maker, path, keeping);
            } catch (RuntimeException | Error e) {
                server.abandon();
                throw e;
            }
            return server;
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
        return loop.call(() -> {
            var server = new DeviceServer(loop, options);
            try {
                server.device = maker.apply(server.guarded);
                loop.addServer(server);
                start.run(server);
            } catch (RuntimeException | Error e) {
                // The device too, and what it has registered on the loop.
                server.shutDown("it could not be started");
                throw e;
            }
            return server;
        });
    }

    /** Waits until there is no client any more and none can come. */
    public void awaitEnd() {
        ended.join();
    }

    /**
     * Ends the session, removes the socket, closes the device. Idempotent.
     *
     * <p>Waits until that is done, but on the loop's thread, where it is done after the present
     * turn: the device that calls this may be in the middle of a request.
     */
    @Override
    public void close() {
        boolean taken = loop.submit(() -> shutDown("the server is closed"));
        if (loop.isLoopThread()) {
            return;
        }
        if (taken) {
            ended.join();
        } else {
            loop.awaitEnd(); // which closes this server
        }
    }

    /**
     * Ends without a word, between two requests: everything that is kept is for whoever comes next.
     */
    void leave() {
        loop.call(() -> {
            closed = true;
            loop.removeServer(this);
            var current = session;
            if (current != null) {
                current.leave();
            }
            var accepting = acceptor;
            if (accepting != null) {
                accepting.leave();
            }
            guarded.close();
            var kept = keep;
            if (kept != null) {
                kept.leave();
            }
            ended.complete(null);
            return true;
        });
    }

    /** The loop's last turn is over. */
    void loopEnded() {
        shutDown("the loop has ended");
    }

    private void shutDown(String reason) {
        if (closed) {
            return;
        }
        closed = true;
        loop.removeServer(this);
        var current = session;
        if (current != null) {
            current.end(new ConnectionLost(reason, 0));
        }
        var accepting = acceptor;
        if (accepting != null) {
            accepting.close();
        }
        guarded.close();
        try {
            var served = device;
            if (served != null) {
                served.close();
            }
        } catch (Throwable t) {
            log(Level.ERROR, "the device failed while it was closed", t);
        } finally {
            var kept = keep;
            if (kept != null) {
                kept.forget();
                kept.close();
            }
            ended.complete(null);
        }
    }

    private void keep(
            BiFunction<? super EventLoop, ? super DeviceHome, VfioDevice> maker,
            Path path,
            Keeping keeping) {
        var home = KeptHome.open(keeping);
        Keep kept;
        try {
            var made = maker.apply(guarded, home);
            device = made;
            kept = new Keep(home, made, options);
        } catch (RuntimeException | Error e) {
            var made = device;
            if (made != null) { // before the memory that it lives in
                device = null;
                made.close();
            }
            home.segment().close();
            throw e;
        }
        keep = kept;
        device = kept.device();
        listen(KeptListener.open(path, keeping));
        if (home.segment().isRestored()) {
            restore(kept);
        }
        kept.ready();
    }

    /** Goes on where a process before this one stopped. */
    private void restore(Keep kept) {
        var client = kept.connection();
        try {
            if (client != null) {
                if (!kept.hasSession()) { // it was being taken on
                    kept.beginKept();
                }
                begin(UnixSocket.adopt(client));
                Objects.requireNonNull(session).resume(kept);
            }
        } catch (Throwable t) {
            loseClient(t);
            if (client != null) {
                client.close();
            }
        }
        if (kept.hasSession() && session == null) {
            kept.device().detach();
            kept.end();
        }
        try {
            kept.device().restored(); // also without a client: the next one needs the device
            MemoryFault.fence();
        } catch (Throwable t) {
            loseClient(t);
        }
        kept.commit();
    }

    private void loseClient(Throwable why) {
        log(Level.ERROR, "cannot go on with the client: " + why.getMessage(), why);
        var current = session;
        if (current != null) {
            current.end(new ConnectionLost("it cannot be gone on with", 0));
        }
    }

    /** Leaves everything that is kept to whoever comes next. */
    private void abandon() {
        keep = null;
        shutDown("it could not be started");
    }

    private void listen(UnixListener listener) {
        acceptor = new Acceptor(loop, this, logLimit, listener);
    }

    /** Serves a client, or refuses it. */
    void take(UnixSocket client) {
        if (isAllowed(client)) {
            begin(client);
        } else {
            client.close();
        }
    }

    private boolean isAllowed(UnixSocket client) {
        if (options.allowedUsers().isEmpty()) {
            return true;
        }
        int uid = client.peer().uid();
        boolean allowed = options.allowedUsers().contains(uid);
        if (!allowed) {
            log(Level.WARNING, "refused a client of user " + uid, null);
        }
        return allowed;
    }

    private void beginOnly(UnixSocket client) {
        if (!isAllowed(client)) {
            throw new SyscallException("serve the client on " + client.fd(), Errno.EACCES);
        }
        begin(client);
    }

    private void begin(UnixSocket client) {
        var served = Objects.requireNonNull(device);
        var kept = keep;
        if (kept != null && !kept.hasSession()) {
            kept.begin(client);
        }
        HeapReserve.OF_SESSIONS.refill();
        Session fresh;
        try {
            fresh = new Session(loop, served, client, options, logLimit, kept, this::sessionEnded);
            fresh.start();
        } catch (RuntimeException | Error e) {
            if (kept != null) {
                kept.end();
            }
            throw e;
        }
        session = fresh;
        if (acceptor != null) { // the next client waits in the queue
            acceptor.pause();
        }
    }

    private void sessionEnded(ConnectionLost reason) {
        session = null;
        HeapReserve.OF_SESSIONS.refill(); // the device has lost its client, and what it had for it
        var failure = reason.getCause();
        log(
                failure == null ? Level.DEBUG : Level.ERROR,
                "session over: " + reason.getMessage(),
                failure);
        if (closed) {
            return;
        }
        if (acceptor != null) {
            acceptor.resume();
        } else {
            shutDown(String.valueOf(reason.getMessage()));
        }
    }

    private void log(Level level, String message, @Nullable Throwable thrown) {
        logLimit.log(level, message, thrown);
    }

    boolean isClosed() {
        return closed;
    }

    @Nullable Session session() {
        return session;
    }

    /** Whether a client can be served now. */
    boolean isFree() {
        return !closed && session == null;
    }

    /** What the device does while it has no client fails for the device alone. */
    void deviceFailed(Throwable thrown) {
        log(Level.ERROR, "the device failed while it had no client", thrown);
    }

    /** Hot. What has been done stays done, also when this process dies. */
    void commit() {
        if (keep != null) {
            keep.commit();
        }
    }
}
