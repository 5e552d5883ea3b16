package dev.muser.server;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;

import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import dev.muser.linux.MessageReceiver;
import dev.muser.linux.UnixSocket;
import dev.muser.protocol.Header;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;

/**
 * The incoming half of a connection: a stream of bytes, read ahead, cut into messages with their
 * descriptors.
 *
 * <p>Linux ends a receive behind the bytes that came with descriptors, so those belong to the last
 * message that starts in what was received.
 */
class Input implements AutoCloseable {
    private static final int READ_AHEAD = 32 * 1024;

    /** More than these with one message, in many pieces, are an attack on this process's limit. */
    private static final int MAX_DESCRIPTORS = 1024;

    /**
     * Descriptors of the message that starts at a place in the stream.
     *
     * @param lost whether this process had no numbers left for all of them
     */
    private record Passed(long at, List<Fd> descriptors, boolean lost) {}

    final UnixSocket socket;
    private final int maxMessage;
    private Arena arena = Arena.ofConfined();
    private MemorySegment buffer = arena.allocate(READ_AHEAD, 8);

    /** The bytes from start to end of the buffer are still to be handled. */
    private int start;

    private int end;

    /** Where in the stream {@code start} is. */
    private long position;

    private final ArrayDeque<Passed> passed = new ArrayDeque<>();

    Input(UnixSocket socket, int maxMessage) {
        this.socket = socket;
        this.maxMessage = maxMessage;
    }

    MemorySegment buffer() {
        return buffer;
    }

    /** Returns where in the buffer the next message starts. */
    int start() {
        return start;
    }

    /** Hot. Whether the next message is there from its first byte to its last. */
    boolean hasMessage() {
        int length = end - start;
        if (length < Header.SIZE) {
            return false;
        }
        long size = size(start);
        // A size that makes no sense is for the session to refuse: there is no more to wait for.
        return size <= length || size > maxMessage;
    }

    /** Hot. Whether a message has begun, and not ended. */
    boolean isPartial() {
        return start < end;
    }

    /** Hot. Goes on behind the next message, which has been handled. */
    void consume(int size) {
        start += size;
        position += size;
    }

    /**
     * Hot. Receives once, without waiting.
     *
     * @return bytes received, 0 at the end of the stream, or {@code -errno}
     */
    int fill(MessageReceiver receiver) {
        makeRoom();
        int n = receive(receiver, buffer, end, (int) buffer.byteSize() - end);
        if (n > 0) {
            end += n;
            if (receiver.descriptors() > 0 || receiver.truncated()) {
                assign(receiver);
            }
        }
        return n;
    }

    /** Hot. Receives into the buffer; as {@link MessageReceiver#receive}. */
    int receive(MessageReceiver receiver, MemorySegment into, int at, int length) {
        return receiver.receive(socket, into, at, length, MessageReceiver.DONT_WAIT);
    }

    /** Hot. Takes off the socket what has been handled, if it is there still. */
    void takeOff(Buffers buffers) {}

    /**
     * Hot. Whether the socket may have more of the message that has begun, of which epoll does not
     * tell.
     */
    boolean wantsMore() {
        return false;
    }

    /** Hot. Whether epoll would tell of bytes that have been read, because the socket has them. */
    boolean leavesBytes() {
        return false;
    }

    /** Goes on in a stream of which so much has been handled. */
    void resumeAt(long handled) {
        position = handled;
    }

    /** Returns where in the stream the next message starts, in bytes. */
    long position() {
        return position;
    }

    /** Takes the descriptors of the next message; the caller owns them. */
    List<Fd> takeDescriptors() {
        var first = passed.peek();
        if (first == null || first.at != position) {
            return List.of();
        }
        passed.remove();
        return first.descriptors;
    }

    /** Hot. Whether any descriptors wait, so that the next message may have some. */
    boolean hasDescriptors() {
        return !passed.isEmpty();
    }

    /** Whether descriptors of the next message could not be received; ask before they are taken. */
    boolean hasLostDescriptors() {
        var first = passed.peek();
        return first != null && first.at == position && first.lost;
    }

    private void assign(MessageReceiver receiver) {
        var descriptors = new ArrayList<Fd>(receiver.descriptors());
        for (int i = 0; i < receiver.descriptors(); i++) {
            descriptors.add(receiver.take(i));
        }
        long at = lastMessageStart();
        var last = passed.peekLast();
        boolean lost = receiver.truncated();
        if (last != null && last.at == at) {
            passed.removeLast();
            descriptors.addAll(0, last.descriptors);
            lost |= last.lost;
        }
        passed.add(new Passed(at, descriptors, lost));
        if (descriptors.size() > MAX_DESCRIPTORS) {
            throw new ConnectionLost("it sends descriptors without end", Errno.EINVAL);
        }
    }

    private long lastMessageStart() {
        int at = start;
        while (end - at > Header.SIZE) {
            long size = size(at);
            if (size < Header.SIZE || size >= end - at) {
                break;
            }
            at += (int) size;
        }
        return position + (at - start);
    }

    /** Moves a partial message to the front, and makes the buffer large enough for it. */
    private void makeRoom() {
        if (start == end) {
            start = 0;
            end = 0;
            return;
        }
        int length = end - start;
        long wanted = READ_AHEAD;
        if (length >= Header.SIZE) {
            wanted = Math.max(wanted, Math.min(size(start), maxMessage));
        }
        if (wanted > buffer.byteSize()) {
            var larger = Arena.ofConfined();
            var target = larger.allocate(wanted, 8);
            MemorySegment.copy(buffer, start, target, 0, length);
            arena.close();
            arena = larger;
            buffer = target;
        } else if (start > 0) {
            MemorySegment.copy(buffer, start, buffer, 0, length);
        }
        start = 0;
        end = length;
    }

    private long size(int at) {
        return Integer.toUnsignedLong(buffer.get(JAVA_INT_UNALIGNED, at + 4L));
    }

    @Override
    public void close() {
        for (var p : passed) {
            p.descriptors.forEach(Fd::close);
        }
        passed.clear();
        arena.close();
    }
}
