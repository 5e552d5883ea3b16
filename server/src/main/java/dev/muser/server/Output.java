package dev.muser.server;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;

import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import dev.muser.linux.MessageSender;
import dev.muser.linux.UnixSocket;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.List;

/**
 * The outgoing half of a connection: messages that wait for space in the socket.
 *
 * <p>A header always leaves in one piece, because QEMU gives a connection up whose header comes in
 * two: several messages go out together only as long as the kernel takes them as one.
 */
class Output implements AutoCloseable {
    private static final int INITIAL = 16 * 1024;

    /** What the kernel queues whole or not at all, if the send buffer is large enough. */
    private static final int TOGETHER = 16 * 1024;

    /**
     * Descriptors that leave with the message at a place in the stream.
     *
     * @param lent descriptors that stay another's
     * @param owned those of them that are closed when they have left
     */
    record Attached(long at, List<Fd> lent, List<Fd> owned) {}

    final UnixSocket socket;

    /** What the kernel surely queues whole or not at all, in bytes. */
    private final int together;

    private Arena arena = Arena.ofConfined();
    MemorySegment buffer;

    /** The bytes from head to tail of the buffer are still to be sent. */
    int head;

    int tail;

    /** Where in the stream {@code head} is. */
    long position;

    /** Bytes of the first message that are still to be sent after a part of it was. */
    int partial;

    final ArrayDeque<Attached> attached = new ArrayDeque<>();

    Output(UnixSocket socket) {
        this.socket = socket;
        // unix_stream_sendmsg() cuts what is longer than half of the buffer, less 64, into pieces
        together = Math.min(TOGETHER, socket.sendBuffer() / 2 - 64);
        buffer = arena.allocate(INITIAL, 8);
    }

    /** With a buffer that somebody else gives and makes room in. */
    Output(UnixSocket socket, MemorySegment buffer) {
        this.socket = socket;
        this.buffer = buffer;
        together = Math.min(TOGETHER, socket.sendBuffer() / 2 - 64);
    }

    /** Hot. Returns where messages are written; changes with each {@link #reserve}. */
    MemorySegment buffer() {
        return buffer;
    }

    /** Hot. Returns how many bytes wait. */
    int pending() {
        return tail - head;
    }

    /** Hot. Makes room for a message of up to {@code size} bytes; returns where it goes. */
    int reserve(int size) {
        if (buffer.byteSize() - tail < size) {
            makeRoom(size);
        }
        return tail;
    }

    /** Hot. Adds the message of {@code size} bytes that was written to what was reserved. */
    void commit(int size) {
        tail += size;
    }

    /** As {@link #commit(int)}, with descriptors; those in {@code owned} are closed later. */
    void commit(int size, List<Fd> lent, List<Fd> owned) {
        if (!lent.isEmpty()) {
            attached.add(new Attached(position + (tail - head), lent, owned));
        }
        tail += size;
    }

    /**
     * Hot. Sends what the socket takes.
     *
     * @return whether all is sent
     * @throws ConnectionLost when the client is gone
     */
    boolean flush(MessageSender sender) {
        while (head < tail) {
            int length = nextChunk();
            var first = attached.peek();
            boolean withDescriptors = first != null && first.at == position && partial == 0;
            int sent = transmit(sender, length, withDescriptors ? first.lent : List.of());
            if (sent < 0) {
                if (sent == -Errno.EAGAIN) {
                    return false;
                }
                if (sent == -Errno.EINTR) {
                    continue;
                }
                throw new ConnectionLost("send: " + Errno.describe(-sent), 0);
            }
            if (withDescriptors) {
                attached.remove();
                first.owned.forEach(Fd::close);
            }
            partial = partialAfter(sent);
            head += sent;
            position += sent;
            moved();
        }
        head = 0;
        tail = 0;
        return true;
    }

    /** Hot. Sends once, from head; as {@link MessageSender#send}. */
    int transmit(MessageSender sender, int length, List<Fd> lent) {
        return lent.isEmpty()
                ? sender.send(socket, buffer, head, length, MessageSender.DONT_WAIT)
                : sender.send(socket, buffer, head, length, lent, MessageSender.DONT_WAIT);
    }

    /** Hot. Something has been sent. */
    void moved() {}

    /** Whole messages that leave together, or one that is larger, or the rest of one. */
    private int nextChunk() {
        if (partial > 0) {
            return partial;
        }
        var first = attached.peek();
        int length = size(head);
        while (head + length < tail) {
            int next = size(head + length);
            boolean hasOwnDescriptors = first != null && first.at <= position + length;
            if (hasOwnDescriptors || length + next > together) {
                break;
            }
            length += next;
        }
        return length;
    }

    /** Returns what is left of the message in whose middle the kernel stopped. */
    private int partialAfter(int sent) {
        if (partial > 0) {
            return partial - sent;
        }
        int at = 0;
        while (at < sent) {
            at += size(head + at);
        }
        return at - sent;
    }

    int size(int at) {
        return buffer.get(JAVA_INT_UNALIGNED, at + 4L);
    }

    void makeRoom(int size) {
        int length = tail - head;
        if (length + size <= buffer.byteSize()) {
            MemorySegment.copy(buffer, head, buffer, 0, length);
        } else {
            var larger = Arena.ofConfined();
            var target = larger.allocate(Math.max(2 * buffer.byteSize(), length + (long) size), 8);
            MemorySegment.copy(buffer, head, target, 0, length);
            arena.close();
            arena = larger;
            buffer = target;
        }
        head = 0;
        tail = length;
    }

    @Override
    public void close() {
        for (var a : attached) {
            a.owned.forEach(Fd::close);
        }
        attached.clear();
        arena.close();
    }
}
