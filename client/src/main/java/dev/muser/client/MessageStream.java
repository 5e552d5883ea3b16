package dev.muser.client;

import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import dev.muser.linux.MessageReceiver;
import dev.muser.linux.MessageSender;
import dev.muser.linux.UnixSocket;
import dev.muser.protocol.Header;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;

/**
 * One socket as a stream of whole messages. Receives ahead: one receive may bring several messages,
 * or a part of one. Hot paths allocate nothing.
 *
 * <p>The payload of a taken message stays where it is until the next {@link #receive}.
 */
final class MessageStream implements AutoCloseable {
    private static final int INITIAL_BUFFER = 16 << 10;

    /** Descriptors of messages not taken yet, at most; the rest is nothing a server has to send. */
    private static final int MAX_HELD = 1024;

    private final UnixSocket socket;
    private final int maxMessage;
    private final MessageReceiver receiver;
    private final MessageSender sender = new MessageSender();
    private final Header header = new Header();

    private MemorySegment buffer = Arena.ofAuto().allocate(INITIAL_BUFFER, 8);
    private int head;
    private int tail;

    /** Position in the stream of the byte at {@code head}. */
    private long position;

    /**
     * Descriptors as they came, with the position behind the bytes that they came with. They belong
     * to the last message that starts in these bytes, since a receive stops behind them.
     */
    private record Arrival(long end, List<Fd> descriptors) {}

    private final ArrayDeque<Arrival> arrivals = new ArrayDeque<>();
    private int held;

    MessageStream(UnixSocket socket, int maxDescriptors, int maxMessage) {
        this.socket = socket;
        this.maxMessage = maxMessage;
        receiver = new MessageReceiver(maxDescriptors);
    }

    UnixSocket socket() {
        return socket;
    }

    /** Sends what it can without waiting; returns how many bytes, or {@code -errno}. */
    int send(MemorySegment message, int from, int length, List<Fd> descriptors) {
        return descriptors.isEmpty()
                ? sender.send(socket, message, from, length, MessageSender.DONT_WAIT)
                : sender.send(socket, message, from, length, descriptors, MessageSender.DONT_WAIT);
    }

    /**
     * Hot. Whether a whole message is at hand; {@link #header} and {@link #take} are for it.
     *
     * @throws DisconnectedException when what is there cannot be a message
     */
    boolean hasMessage() {
        int there = tail - head;
        if (there < Header.SIZE) {
            return false;
        }
        int framing = header.wrap(buffer, head).validate(maxMessage);
        if (framing != Header.OK) {
            throw new DisconnectedException(
                    switch (framing) {
                        case Header.TOO_SMALL ->
                                "message of %d bytes, below the header's 16"
                                        .formatted(header.size());
                        case Header.TOO_LARGE ->
                                "message of %d bytes, where at most %d were agreed"
                                        .formatted(header.size(), maxMessage);
                        default ->
                                "message of type %d, neither command nor reply"
                                        .formatted(header.type());
                    });
        }
        return there >= header.size();
    }

    /** Whether bytes are here that were not taken yet. */
    boolean hasBytes() {
        return head != tail;
    }

    /** The header of the message at hand; after {@link #take} of the one taken. */
    Header header() {
        return header;
    }

    MemorySegment buffer() {
        return buffer;
    }

    /** Hot. Takes the message at hand; returns where its payload starts in {@link #buffer}. */
    int take() {
        int size = (int) header.size();
        int payload = head + Header.SIZE;
        head += size;
        position += size;
        return payload;
    }

    /** Takes over the descriptors of the message that was taken last. */
    List<Fd> takeDescriptors() {
        if (arrivals.isEmpty()) {
            return List.of();
        }
        var mine = new ArrayList<Fd>();
        while (!arrivals.isEmpty() && arrivals.getFirst().end() <= position) {
            mine.addAll(arrivals.removeFirst().descriptors());
        }
        held -= mine.size();
        return mine;
    }

    /** Closes the descriptors of the message that was taken last, where it should have none. */
    void dropDescriptors() {
        if (!arrivals.isEmpty()) {
            takeDescriptors().forEach(Fd::close);
        }
    }

    /** Whether {@link #receive} has room; it always has when no whole message is at hand. */
    boolean hasRoom() {
        return tail - head < maxMessage;
    }

    /**
     * Hot. Receives once.
     *
     * @param flags 0 or {@link MessageReceiver#DONT_WAIT}
     * @return whether bytes came; false when there were none in time
     * @throws DisconnectedException at the end of the stream
     */
    boolean receive(int flags) {
        makeRoom();
        int n = receiver.receive(socket, buffer, tail, (int) buffer.byteSize() - tail, flags);
        if (n > 0) {
            tail += n;
            if (receiver.descriptors() > 0 || receiver.truncated()) {
                hold();
            }
            return true;
        }
        if (n == 0 || n == -Errno.ECONNRESET) {
            throw new DisconnectedException("the server closed the connection");
        }
        if (n == -Errno.EAGAIN || n == -Errno.EINTR) {
            return false;
        }
        throw new DisconnectedException("receive: " + Errno.describe(-n));
    }

    private void hold() {
        if (receiver.truncated()) {
            throw new DisconnectedException(
                    "descriptors of a message were lost: the server sent more than was offered, or"
                            + " this process may open no more (ulimit -n)");
        }
        var descriptors = new ArrayList<Fd>();
        for (int i = 0; i < receiver.descriptors(); i++) {
            descriptors.add(receiver.take(i));
        }
        arrivals.add(new Arrival(position + (tail - head), descriptors));
        held += descriptors.size();
        if (held > MAX_HELD) {
            throw new DisconnectedException("%d descriptors, asked for none".formatted(held));
        }
    }

    private void makeRoom() {
        if (head == tail) {
            head = 0;
            tail = 0;
            return;
        }
        int there = tail - head;
        int wanted = INITIAL_BUFFER;
        if (there >= Header.SIZE) {
            // Bounded: hasMessage has looked at it before.
            wanted = (int) Math.min(maxMessage, header.wrap(buffer, head).size());
        }
        wanted = Math.max(wanted, there + 1);
        if (buffer.byteSize() - head >= wanted && tail < buffer.byteSize()) {
            return;
        }
        var target = buffer;
        if (buffer.byteSize() < wanted) {
            target = Arena.ofAuto().allocate(Math.max(wanted, 2L * buffer.byteSize()), 8);
        }
        MemorySegment.copy(buffer, head, target, 0, there);
        buffer = target;
        head = 0;
        tail = there;
    }

    @Override
    public void close() {
        arrivals.forEach(arrival -> arrival.descriptors().forEach(Fd::close));
        arrivals.clear();
        receiver.close();
        socket.close();
    }
}
