package dev.muser.bench;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.muser.linux.Affinity;
import dev.muser.linux.Epoll;
import dev.muser.linux.Errno;
import dev.muser.linux.EventFd;
import dev.muser.linux.Fd;
import dev.muser.linux.MessageReceiver;
import dev.muser.linux.MessageSender;
import dev.muser.linux.Poll;
import dev.muser.linux.UnixListener;
import dev.muser.linux.UnixSocket;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/**
 * The floor's other side, in a process of its own: takes messages and sends as many bytes back as
 * each asks for, or waits for one eventfd and signals another. Serves one client after the other.
 *
 * <pre>
 *   0  u32  size of the message, with these 8 bytes; 0 for eventfds, two of which come with it
 *   4  u32  size of the reply, 0 for none
 * </pre>
 */
public final class EchoServer {
    static final int SIZE = 0;
    static final int REPLY = 4;

    private static final int BUFFER = 2 << 20;

    private final boolean spins;
    private final MemorySegment buffer = Arena.ofAuto().allocate(BUFFER, 64);
    private final MemorySegment reply = Arena.ofAuto().allocate(BUFFER, 64);
    private final MessageSender sender = new MessageSender();
    private final MessageReceiver receiver = new MessageReceiver(2);

    private EchoServer(boolean spins) {
        this.spins = spins;
    }

    /** Not for users: {@code PATH POLICY CPU}. */
    public static void main(String[] args) {
        ChildJvm.endWithParent();
        Affinity.pin(Integer.parseInt(args[2]));
        var server = new EchoServer(Policy.of(args[1]).spins());
        try (var listener = UnixListener.bind(Path.of(args[0]), 4)) {
            ChildJvm.sayReady();
            while (true) {
                Poll.await(listener.fd(), Poll.IN, null);
                try (var client = listener.accept()) {
                    if (client != null) {
                        server.serve(client);
                    }
                }
            }
        }
    }

    /** Encodes a request for a reply of so many bytes. */
    static MemorySegment message(int size, int replySize) {
        var message = Arena.ofAuto().allocate(Math.max(8, size), 8);
        message.set(JAVA_INT_UNALIGNED, SIZE, size);
        message.set(JAVA_INT_UNALIGNED, REPLY, replySize);
        return message;
    }

    private void serve(UnixSocket client) {
        int have = 0;
        while (true) {
            int n =
                    receiver.receive(
                            client,
                            buffer,
                            have,
                            BUFFER - have,
                            spins ? MessageReceiver.DONT_WAIT : 0);
            if (n == -Errno.EAGAIN || n == -Errno.EINTR) {
                Thread.onSpinWait();
                continue;
            }
            if (n <= 0) {
                return;
            }
            have += n;
            if (receiver.descriptors() == 2) {
                try (var from = receiver.take(0);
                        var to = receiver.take(1)) {
                    eventFds(client, from, to);
                }
                return;
            }
            have = answer(client, have);
        }
    }

    /** Answers all whole messages; returns how many bytes of the next one there are. */
    private int answer(UnixSocket client, int have) {
        int at = 0;
        while (have - at >= 8) {
            int size = buffer.get(JAVA_INT_UNALIGNED, at + (long) SIZE);
            if (have - at < size) {
                break;
            }
            send(client, buffer.get(JAVA_INT_UNALIGNED, at + (long) REPLY));
            at += size;
        }
        MemorySegment.copy(buffer, at, buffer, 0, have - at);
        return have - at;
    }

    private void send(UnixSocket client, int length) {
        for (int sent = 0; sent < length; ) {
            int n = sender.send(client, reply, sent, length - sent, 0);
            if (n < 0 && n != -Errno.EINTR) {
                return; // it is gone, as the next receive will tell
            }
            sent += Math.max(0, n);
        }
    }

    private void eventFds(UnixSocket client, Fd from, Fd to) {
        var scratch = Arena.ofAuto().allocate(8, 8);
        var one = Arena.ofAuto().allocate(8, 8);
        one.set(JAVA_LONG, 0, 1);
        try (var epoll = new Epoll(2)) {
            epoll.add(from, Epoll.IN, 0);
            epoll.add(client.fd(), Epoll.IN, 1);
            int turns = 0;
            while (true) {
                if (EventFd.take(from, scratch) > 0) {
                    to.write(one, 0, 8);
                } else if (!spins || ++turns % 1024 == 0) {
                    int n = epoll.await(spins ? 0 : -1);
                    for (int i = 0; i < n; i++) {
                        if (epoll.token(i) == 1) {
                            return;
                        }
                    }
                }
            }
        }
    }
}
