package dev.muser.client;

import dev.muser.device.DmaPort;
import dev.muser.device.VfioException;
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

    /** A server that never stops asking does not keep {@link #serve} from returning. */
    private static final int MAX_RECEIVES = 64;

    private static final long SPIN_NANOS = 50_000;

    private final String peer;
    private final ClientOptions options;
    private final long timeoutNanos;
    private final int maxMessage;
    private final Sockets sockets;
    private final MessageStream main;
    private final DmaRequests dma;

    private MemorySegment request = Arena.ofAuto().allocate(4096, 8);
    private @Nullable MessageStream twin;
    private int lastId;
    private boolean busy;
    private int replyAt;
    private List<Fd> replyDescriptors = List.of();
    private @Nullable String ended;

    Connection(UnixSocket socket, String peer, ClientOptions options) {
        this.peer = peer;
        this.options = options;
        timeoutNanos = options.timeout().toNanos();
        maxMessage = Math.max(MIN_MESSAGE, options.maxTransfer()) + OVERHEAD;
        main = new MessageStream(socket, options.maxDescriptors(), maxMessage);
        sockets = new Sockets(main, options.timeout());
        dma = new DmaRequests(this, options.maxTransfer());
    }

    /** Takes the server's second socket into use. */
    void twin(UnixSocket socket) {
        twin = new MessageStream(socket, options.maxDescriptors(), maxMessage);
        sockets.twin(twin);
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
            sockets.sendAll(main, request, size, descriptors, deadline);
            awaitReply(id, command, deadline);
            errno = main.header().errno();
            length = main.header().payloadLength();
            if (main.hasBytes() || (twin != null && twin.hasBytes())) {
                sockets.keepReply(true);
                serveBuffered();
            }
        } catch (DisconnectedException e) {
            throw end(e.getMessage() + ", during " + describeRequest());
        } finally {
            sockets.keepReply(false);
            busy = false;
        }
        if (errno != 0 || dma.hasFailure()) {
            takeReplyDescriptors().forEach(Fd::close);
            dma.throwFailure();
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
            sockets.sendAll(main, request, size, List.of(), deadline);
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

    /** Serves what the server has asked for by now; returns whether there may be more. */
    boolean serve() {
        requireOpen();
        enter();
        boolean more = true;
        try {
            serveBuffered();
            for (int i = 0; more && i < MAX_RECEIVES; i++) {
                more = main.receive(MessageReceiver.DONT_WAIT);
                if (twin != null) {
                    more |= twin.receive(MessageReceiver.DONT_WAIT);
                }
                serveBuffered();
            }
        } catch (DisconnectedException e) {
            throw end(String.valueOf(e.getMessage()));
        } finally {
            busy = false;
        }
        dma.throwFailure();
        return more;
    }

    /** Sends an answer to one of the server's requests; nowhere when the session is over. */
    void sendReply(MessageStream stream, MemorySegment message, int length) {
        if (ended != null) {
            return;
        }
        long deadline = System.nanoTime() + timeoutNanos;
        try {
            sockets.sendAll(stream, message, length, List.of(), deadline);
        } catch (DisconnectedException e) {
            if (busy) {
                throw e; // the call that is under way ends the session
            }
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
        sockets.close();
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
                sockets.receiveNow();
            } else if (first) {
                main.receive(0); // one call, no longer than the socket's own timeout
                first = false;
            } else {
                sockets.receiveWhenReady(deadline - now);
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
}
