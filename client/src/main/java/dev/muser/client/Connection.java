package dev.muser.client;

import dev.muser.device.DmaPort;
import dev.muser.device.VfioException;
import dev.muser.linux.Epoll;
import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import dev.muser.linux.MessageReceiver;
import dev.muser.linux.UnixSocket;
import dev.muser.protocol.Command;
import dev.muser.protocol.Header;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One session with a server: requests out, replies back, and the server's own requests served where
 * they come in between. One request is under way at a time. Belongs to one thread.
 *
 * <p>The first failure of the transport or the protocol ends the session: the sockets are closed,
 * and every later call throws the same {@link DisconnectedException}.
 */
final class Connection implements AutoCloseable {
    /** Room for everything but data that a message can have. */
    private static final int OVERHEAD = 64;

    /** Messages without bulk data, such as a region's capabilities, may have this size anyway. */
    private static final int MIN_MESSAGE = 64 << 10;

    private static final long SPIN_NANOS = 50_000;

    private final String peer;
    private final ClientOptions options;
    private final long timeoutNanos;
    private final int maxMessage;
    private final MessageStream main;
    private final Epoll epoll = new Epoll(2);
    private final DmaRequests dma;

    private MemorySegment request = Arena.ofAuto().allocate(4096, 8);
    private @Nullable MessageStream twin;
    private int lastId;
    private boolean busy;

    /** Between a reply and its caller's use of the payload, nothing may be received. */
    private boolean replyInUse;

    private int replyAt;
    private List<Fd> replyDescriptors = List.of();
    private @Nullable String ended;

    Connection(UnixSocket socket, String peer, ClientOptions options) {
        this.peer = peer;
        this.options = options;
        timeoutNanos = options.timeout().toNanos();
        maxMessage = Math.max(MIN_MESSAGE, options.maxTransfer()) + OVERHEAD;
        main = new MessageStream(socket, options.maxDescriptors(), maxMessage);
        dma = new DmaRequests(this, options.maxTransfer());
        socket.timeout(options.timeout());
        epoll.add(socket.fd(), Epoll.IN, 0);
    }

    /** Takes the server's second socket into use. */
    void twin(UnixSocket socket) {
        twin = new MessageStream(socket, options.maxDescriptors(), maxMessage);
        epoll.add(socket.fd(), Epoll.IN, 1);
    }

    void port(@Nullable DmaPort port) {
        dma.port(port);
    }

    boolean isOpen() {
        return ended == null;
    }

    List<Fd> descriptors() {
        requireOpen();
        var all = new ArrayList<Fd>();
        all.add(main.socket().fd());
        if (twin != null) {
            all.add(twin.socket().fd());
        }
        return all;
    }

    /** Hot. Returns where to write the request, its payload at {@link Header#SIZE}. */
    MemorySegment request(int payloadLength) {
        if (request.byteSize() < Header.SIZE + (long) payloadLength) {
            request = Arena.ofAuto().allocate(Header.SIZE + (long) payloadLength, 8);
        }
        return request;
    }

    /**
     * Hot. Sends the request and waits for its reply, whose payload is then at {@link #replyAt} of
     * {@link #reply} until the next call.
     *
     * @return the length of the reply's payload in bytes
     * @throws VfioException when the server refuses
     */
    int call(int command, int payloadLength, List<Fd> descriptors) {
        int length = callForDescriptors(command, payloadLength, descriptors);
        if (!replyDescriptors.isEmpty()) {
            takeReplyDescriptors().forEach(Fd::close);
        }
        return length;
    }

    int call(int command, int payloadLength) {
        return call(command, payloadLength, List.of());
    }

    /** As {@link #call}; what {@link #takeReplyDescriptors} returns is then the caller's. */
    int callForDescriptors(int command, int payloadLength, List<Fd> descriptors) {
        requireOpen();
        enter();
        int errno;
        int length;
        try {
            int id = nextId();
            int size = Header.SIZE + payloadLength;
            Header.encodeCommand(request, 0, id, command, size, false);
            long deadline = System.nanoTime() + timeoutNanos;
            sendAll(main, request, size, descriptors, deadline);
            awaitReply(id, command, deadline);
            errno = main.header().errno();
            length = main.header().payloadLength();
            if (main.hasBytes() || (twin != null && twin.hasBytes())) {
                replyInUse = true;
                serveBuffered();
            }
        } catch (DisconnectedException e) {
            throw end(e.getMessage() + ", during " + describeRequest());
        } finally {
            replyInUse = false;
            busy = false;
        }
        if (errno != 0) {
            takeReplyDescriptors().forEach(Fd::close);
            throw new VfioException(errno, describeRequest());
        }
        return length;
    }

    /** Hot. Sends the request, to which there will be no reply. */
    void post(int command, int payloadLength) {
        requireOpen();
        enter();
        try {
            int size = Header.SIZE + payloadLength;
            Header.encodeCommand(request, 0, nextId(), command, size, true);
            long deadline = System.nanoTime() + timeoutNanos;
            sendAll(main, request, size, List.of(), deadline);
        } catch (DisconnectedException e) {
            throw end(e.getMessage() + ", during " + describeRequest());
        } finally {
            busy = false;
        }
    }

    MemorySegment reply() {
        return main.buffer();
    }

    int replyAt() {
        return replyAt;
    }

    int replyDescriptorCount() {
        return replyDescriptors.size();
    }

    /** Returns the descriptors of the last reply, to be closed by the caller. */
    List<Fd> takeReplyDescriptors() {
        var taken = replyDescriptors;
        replyDescriptors = List.of();
        return taken;
    }

    /** Serves what the server has asked for by now. */
    void serve() {
        requireOpen();
        enter();
        try {
            serveBuffered();
            while (main.receive(MessageReceiver.DONT_WAIT)) {
                serveBuffered();
            }
            var second = twin;
            while (second != null && second.receive(MessageReceiver.DONT_WAIT)) {
                serveBuffered();
            }
        } catch (DisconnectedException e) {
            throw end(String.valueOf(e.getMessage()));
        } finally {
            busy = false;
        }
    }

    /** Sends an answer to one of the server's requests; nowhere when the session is over. */
    void sendReply(MessageStream stream, MemorySegment message, int length) {
        if (ended != null) {
            return;
        }
        long deadline = System.nanoTime() + timeoutNanos;
        if (busy) {
            sendAll(stream, message, length, List.of(), deadline);
            return;
        }
        try {
            sendAll(stream, message, length, List.of(), deadline);
        } catch (DisconnectedException e) {
            throw end(e.getMessage() + ", during an answer to a DMA request");
        }
    }

    /** Ends the session because the server broke the protocol. */
    DisconnectedException violated(String how) {
        return end("the server broke the protocol: " + how);
    }

    @Override
    public void close() {
        if (ended == null) {
            end("closed by this client");
        }
    }

    private DisconnectedException end(String why) {
        ended = peer + ": " + why;
        takeReplyDescriptors().forEach(Fd::close);
        main.close();
        if (twin != null) {
            twin.close();
        }
        epoll.close();
        dma.port(null);
        return new DisconnectedException(ended);
    }

    private void requireOpen() {
        if (ended != null) {
            throw new DisconnectedException(ended);
        }
    }

    private void enter() {
        if (busy) {
            throw new IllegalStateException(
                    "a call from within a DmaPort, while another call waits for its reply");
        }
        busy = true;
    }

    private int nextId() {
        lastId = (lastId + 1) & 0xffff;
        return lastId;
    }

    private String describeRequest() {
        return RequestText.of(request);
    }

    private void awaitReply(int id, int command, long deadline) {
        long spinUntil =
                switch (options.waiting()) {
                    case BLOCKING -> 0;
                    case ADAPTIVE -> System.nanoTime() + SPIN_NANOS;
                    case POLLING -> deadline;
                };
        boolean spins = options.waiting() != Waiting.BLOCKING;
        boolean first = twin == null;
        while (!takeReply(id, command)) {
            long now = System.nanoTime();
            if (now - deadline >= 0) {
                throw new DisconnectedException(
                        "no reply within %d ms".formatted(options.timeout().toMillis()));
            }
            if (spins && now - spinUntil < 0) {
                receiveNow();
            } else if (first) {
                main.receive(0); // one call, no longer than the socket's own timeout
                first = false;
            } else {
                receiveWhenReady(deadline - now);
            }
        }
    }

    /** Serves what is at hand until the reply is; returns whether it was. */
    private boolean takeReply(int id, int command) {
        while (main.hasMessage()) {
            int at = main.take();
            var header = main.header();
            if (header.isCommand()) {
                dma.handle(main, at);
                continue;
            }
            replyDescriptors = main.takeDescriptors();
            if (header.messageId() != id || header.command() != command) {
                throw new DisconnectedException(
                        "the server broke the protocol: reply to %s with id %d, expected %s with id"
                                        .formatted(
                                                Command.name(header.command()),
                                                header.messageId(),
                                                Command.name(command))
                                + " "
                                + id);
            }
            replyAt = at;
            return true;
        }
        serveTwin();
        return false;
    }

    private void serveBuffered() {
        while (main.hasMessage()) {
            serveOne(main);
        }
        serveTwin();
    }

    private void serveTwin() {
        var second = twin;
        while (second != null && second.hasMessage()) {
            serveOne(second);
        }
    }

    private void serveOne(MessageStream stream) {
        int at = stream.take();
        if (stream.header().isReply()) {
            stream.dropDescriptors();
            throw new DisconnectedException(
                    "the server broke the protocol: reply to %s with id %d, which nothing asked for"
                            .formatted(
                                    Command.name(stream.header().command()),
                                    stream.header().messageId()));
        }
        dma.handle(stream, at);
    }

    private void receiveNow() {
        if (!main.receive(MessageReceiver.DONT_WAIT)) {
            var second = twin;
            if (second == null || !second.receive(MessageReceiver.DONT_WAIT)) {
                Thread.onSpinWait();
            }
        }
    }

    private void receiveWhenReady(long nanos) {
        int events = epoll.await(milliseconds(nanos));
        for (int i = 0; i < events; i++) {
            stream(epoll.token(i)).receive(MessageReceiver.DONT_WAIT);
        }
    }

    private MessageStream stream(long token) {
        return token == 0 || twin == null ? main : twin;
    }

    /**
     * Hot. Sends all of a message. While the socket is full it receives ahead: a server that itself
     * waits for space must not wait for ever.
     */
    private void sendAll(
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
                    "the server took no bytes within %d ms"
                            .formatted(options.timeout().toMillis()));
        }
        watchForSpace(stream, true);
        int events = epoll.await(milliseconds(left));
        for (int i = 0; i < events; i++) {
            var ready = stream(epoll.token(i));
            if ((epoll.happened(i) & Epoll.IN) != 0 && mayReceive(ready)) {
                ready.receive(MessageReceiver.DONT_WAIT);
            }
        }
        watchForSpace(stream, false);
    }

    private boolean mayReceive(MessageStream stream) {
        return stream.hasRoom() && !(replyInUse && stream == main);
    }

    private void watchForSpace(MessageStream stream, boolean on) {
        watch(main, 0, on && stream == main, on);
        var second = twin;
        if (second != null) {
            watch(second, 1, on && stream == second, on);
        }
    }

    /** While a send waits, what may not be received must not wake it. */
    private void watch(MessageStream stream, long token, boolean space, boolean sending) {
        int in = !sending || mayReceive(stream) ? Epoll.IN : 0;
        epoll.modify(stream.socket().fd(), in | (space ? Epoll.OUT : 0), token);
    }

    private static int milliseconds(long nanos) {
        return (int) Math.min(Integer.MAX_VALUE, (nanos + 999_999) / 1_000_000);
    }
}
