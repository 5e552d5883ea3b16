package dev.muser.client;

import dev.muser.linux.Epoll;
import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import dev.muser.linux.MessageReceiver;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The one or two sockets of a session, and the waiting for them. All waits end at a deadline, in
 * nanoseconds of {@link System#nanoTime}.
 */
final class Sockets implements AutoCloseable {
    private static final long MAIN = 0;
    private static final long TWIN = 1;

    private final MessageStream main;
    private final Duration timeout;
    private final Epoll epoll = new Epoll(2);
    private @Nullable MessageStream twin;
    private boolean keepReply;

    Sockets(MessageStream main, Duration timeout) {
        this.main = main;
        this.timeout = timeout;
        main.socket().timeout(timeout);
        epoll.add(main.socket().fd(), Epoll.IN, MAIN);
    }

    /** Adds the second socket. */
    void twin(MessageStream stream) {
        twin = stream;
        epoll.add(stream.socket().fd(), Epoll.IN, TWIN);
    }

    /** While a reply waits to be used, nothing is received on the main socket: it would move it. */
    void keepReply(boolean keep) {
        keepReply = keep;
    }

    /** Hot. Receives what is there on one of the sockets. */
    void receiveNow() {
        if (!main.receive(MessageReceiver.DONT_WAIT) && (twin == null || !receiveTwin(twin))) {
            Thread.onSpinWait();
        }
    }

    /** Waits so many nanoseconds at most, and receives. */
    void receiveWhenReady(long nanos) {
        if (epoll.await(milliseconds(nanos)) > 0
                && !main.receive(MessageReceiver.DONT_WAIT)
                && twin != null) {
            receiveTwin(twin);
        }
    }

    /** A server that ends closes one socket after the other; a reply sent before still counts. */
    private boolean receiveTwin(MessageStream second) {
        try {
            return second.receive(MessageReceiver.DONT_WAIT);
        } catch (DisconnectedException e) {
            if (main.receive(MessageReceiver.DONT_WAIT)) {
                return true;
            }
            throw e;
        }
    }

    /**
     * Hot. Sends all of a message. While the socket is full it receives ahead: a server that itself
     * waits for space must not wait for ever.
     */
    void sendAll(
            MessageStream stream,
            MemorySegment message,
            int length,
            List<Fd> descriptors,
            long deadline) {
        int sent = 0;
        while (sent < length) {
            int n = stream.send(message, sent, length - sent, sent == 0 ? descriptors : List.of());
            if (n > 0) {
                sent += n;
            } else if (n == -Errno.EAGAIN) {
                awaitSpace(stream, deadline);
            } else if (n == -Errno.EPIPE || n == -Errno.ECONNRESET) {
                throw new DisconnectedException("the server closed the connection");
            } else if (n != -Errno.EINTR) {
                throw new DisconnectedException("send: " + Errno.describe(-n));
            }
        }
    }

    private void awaitSpace(MessageStream stream, long deadline) {
        long left = deadline - System.nanoTime();
        if (left <= 0) {
            throw new DisconnectedException(
                    "the server took no bytes within %d ms".formatted(timeout.toMillis()));
        }
        watch(stream);
        int events = epoll.await(milliseconds(left));
        for (int i = 0; i < events; i++) {
            var ready = stream(epoll.token(i));
            if ((epoll.happened(i) & Epoll.IN) != 0 && mayReceive(ready)) {
                ready.receive(MessageReceiver.DONT_WAIT);
            }
        }
        watch(null);
    }

    private boolean mayReceive(MessageStream stream) {
        return stream.hasRoom() && !(keepReply && stream == main);
    }

    /** Watches for space on {@code sending}, and for bytes where they may be received. */
    private void watch(@Nullable MessageStream sending) {
        watch(main, MAIN, sending);
        if (twin != null) {
            watch(twin, TWIN, sending);
        }
    }

    private void watch(MessageStream stream, long token, @Nullable MessageStream sending) {
        int in = sending == null || mayReceive(stream) ? Epoll.IN : 0;
        int out = stream == sending ? Epoll.OUT : 0;
        epoll.modify(stream.socket().fd(), in | out, token);
    }

    private MessageStream stream(long token) {
        return token == MAIN || twin == null ? main : twin;
    }

    private static int milliseconds(long nanos) {
        return (int) Math.min(Integer.MAX_VALUE, (nanos + 999_999) / 1_000_000);
    }

    @Override
    public void close() {
        main.close();
        if (twin != null) {
            twin.close();
        }
        epoll.close();
    }
}
