package dev.muser.server;

import dev.muser.linux.Epoll;
import dev.muser.linux.SyscallException;
import dev.muser.linux.UnixListener;
import dev.muser.linux.UnixSocket;
import java.lang.System.Logger.Level;

/**
 * Takes clients from the queue of a listening socket: one, and the next when its session is over.
 *
 * <p>On the loop's thread.
 */
final class Acceptor {
    /** Clients that may wait for their turn. */
    static final int BACKLOG = 16;

    /** After a failure, in nanoseconds. */
    private static final long REST = 100_000_000;

    private final Loop loop;
    private final DeviceServer server;
    private final LogLimit logLimit;
    private final UnixListener listener;
    private final int token;

    /**
     * @param listener belongs to the acceptor from now on, also when this throws
     */
    Acceptor(Loop loop, DeviceServer server, LogLimit logLimit, UnixListener listener) {
        this.loop = loop;
        this.server = server;
        this.logLimit = logLimit;
        this.listener = listener;
        try {
            token = loop.register(listener.fd(), Epoll.IN, _ -> ready());
        } catch (SyscallException e) {
            listener.close();
            throw e;
        }
    }

    private void ready() {
        try {
            accept();
        } catch (Throwable t) {
            // No memory, or the device does not say what it is. The next client may have more luck.
            HeapReserve.OF_SESSIONS.releaseOn(t);
            logLimit.log(Level.ERROR, "cannot serve a client", t);
            rest();
        }
    }

    /** Looks for clients again later, not at once: what was missing is likely to be missing. */
    private void rest() {
        if (server.isFree()) {
            pause();
            loop.timer(this::resume).arm(REST);
        }
    }

    private void accept() {
        UnixSocket client;
        try {
            client = listener.accept();
        } catch (SyscallException e) {
            // Out of descriptors: the client waits in the queue.
            logLimit.log(Level.WARNING, "cannot accept a client: " + e.getMessage(), null);
            rest();
            return;
        }
        if (client == null) {
            return;
        }
        try {
            server.take(client);
        } catch (RuntimeException | Error e) {
            client.close();
            throw e;
        }
    }

    /** Leaves clients in the queue. */
    void pause() {
        loop.modify(listener.fd(), 0, token);
    }

    /** Takes the next client, unless there is one still. */
    void resume() {
        if (server.isFree()) {
            loop.modify(listener.fd(), Epoll.IN, token);
        }
    }

    /** Closes what this process has, for another one to go on. */
    void leave() {
        loop.unregister(listener.fd(), token);
        listener.fd().close();
    }

    /** Removes the socket. */
    void close() {
        loop.unregister(listener.fd(), token);
        listener.close();
    }
}
