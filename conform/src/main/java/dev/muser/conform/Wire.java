package dev.muser.conform;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import dev.muser.linux.MessageReceiver;
import dev.muser.linux.MessageSender;
import dev.muser.linux.Poll;
import dev.muser.linux.UnixSocket;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.locks.LockSupport;

/** A connection that sends the bytes it is told to, sound or not, and never waits for ever. */
final class Wire implements AutoCloseable {
    /** What a server may put into one message: more than any reply that is asked for here. */
    private static final int LONGEST = 8 << 20;

    private static final long PIECE_NANOS = 20_000_000;
    private static final long PAUSE_NANOS = 50_000;

    private final UnixSocket socket;
    private final MessageSender sender = new MessageSender();
    private final MessageReceiver receiver = new MessageReceiver(MessageSender.MAX_DESCRIPTORS);
    private final List<Fd> received = new ArrayList<>();
    private long deadline;
    private int nextId = 1;
    private boolean usable = true;
    private boolean silent;

    private Wire(UnixSocket socket) {
        this.socket = socket;
    }

    static Wire connect(Path path, Duration timeout) {
        var wire = new Wire(UnixSocket.connect(path, timeout));
        wire.patience(timeout);
        return wire;
    }

    /** From now on all waits together take no longer than this. */
    void patience(Duration patience) {
        deadline = System.nanoTime() + patience.toNanos();
    }

    /** Whether more can be said over it: it is neither closed nor silent. */
    boolean usable() {
        return usable;
    }

    /** Whether the server left something unanswered on it. */
    boolean silent() {
        return silent;
    }

    /** Returns the next message id: 1, 2, and so on. */
    int nextId() {
        nextId = nextId == 0xffff ? 1 : nextId + 1;
        return nextId;
    }

    /** Sends all of the bytes, the descriptors with the first of them. */
    void send(byte[] bytes, List<Fd> fds) {
        try (var arena = Arena.ofConfined()) {
            var memory = arena.allocate(Math.max(1, bytes.length));
            MemorySegment.copy(bytes, 0, memory, JAVA_BYTE, 0, bytes.length);
            int at = 0;
            while (at < bytes.length) {
                await(Poll.OUT, "the server does not read what is sent to it");
                int n =
                        sender.send(
                                socket,
                                memory,
                                at,
                                bytes.length - at,
                                at == 0 ? fds : List.of(),
                                MessageSender.DONT_WAIT);
                if (n >= 0) {
                    at += n;
                } else if (n != -Errno.EAGAIN && n != -Errno.EINTR) {
                    usable = false;
                    throw Lost.closed("the server closed the connection");
                }
            }
        }
    }

    /**
     * Waits until the server has received what was sent, so that it does not find it together with
     * what follows. One that only looks first, or that waits for more, is waited for a little.
     */
    void awaitReceived() {
        long end = System.nanoTime() + PIECE_NANOS;
        while (!socket.isDrained() && System.nanoTime() < end) {
            LockSupport.parkNanos(PAUSE_NANOS);
        }
    }

    /** Receives exactly one message. */
    Message receive() {
        var fds = new ArrayList<Fd>();
        var header = new byte[Message.HEADER];
        fill(header, 0, fds);
        long size =
                Integer.toUnsignedLong(
                        ByteBuffer.wrap(header).order(ByteOrder.LITTLE_ENDIAN).getInt(4));
        if (size < Message.HEADER || size > LONGEST) {
            usable = false;
            throw Lost.silent(
                    "the server sent a header with a message size of %d: %s"
                            .formatted(size, Hex.of(header)));
        }
        var bytes = Arrays.copyOf(header, (int) size);
        var late = new ArrayList<Fd>();
        fill(bytes, Message.HEADER, late);
        return new Message(bytes, List.copyOf(fds), late.size());
    }

    /** Returns whether the server has closed the connection; any byte from it is a false. */
    boolean ends() {
        try {
            fill(new byte[1], 0, new ArrayList<>());
            return false;
        } catch (Lost e) {
            return e.isClosed();
        }
    }

    private void fill(byte[] bytes, int from, List<Fd> fds) {
        try (var arena = Arena.ofConfined()) {
            var memory = arena.allocate(Math.max(1, bytes.length));
            int at = from;
            while (at < bytes.length) {
                await(
                        Poll.IN,
                        at == 0
                                ? "no answer came"
                                : "after %d of %d bytes of a message no more came"
                                        .formatted(at, bytes.length));
                int n =
                        receiver.receive(
                                socket, memory, at, bytes.length - at, MessageReceiver.DONT_WAIT);
                if (n == -Errno.EAGAIN || n == -Errno.EINTR) {
                    continue;
                }
                if (n <= 0) {
                    usable = false;
                    throw Lost.closed(
                            "the server closed the connection"
                                    + (at == 0 ? "" : " in the middle of a message"));
                }
                for (int i = 0; i < receiver.descriptors(); i++) {
                    var fd = receiver.take(i);
                    fds.add(fd);
                    received.add(fd);
                }
                at += n;
            }
            MemorySegment.copy(memory, JAVA_BYTE, from, bytes, from, bytes.length - from);
        }
    }

    private void await(int interest, String otherwise) {
        long left = Math.max(0, deadline - System.nanoTime());
        if (!Poll.await(socket.fd(), interest, Duration.ofNanos(left))) {
            usable = false;
            silent = true;
            throw Lost.silent(otherwise + " in the time given");
        }
    }

    @Override
    public void close() {
        usable = false;
        received.forEach(Fd::close);
        receiver.close();
        socket.close();
    }
}
