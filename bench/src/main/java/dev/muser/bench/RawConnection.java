package dev.muser.bench;

import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import dev.muser.linux.MessageReceiver;
import dev.muser.linux.MessageSender;
import dev.muser.linux.UnixSocket;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/**
 * A socket and nothing above it: bytes out, so many bytes back. The floor is measured with it, and
 * what {@link dev.muser.client.RemoteDevice} has no use for. Belongs to one thread.
 */
final class RawConnection implements AutoCloseable {
    /** Enough for a negotiation; the floor of large transfers asks for more. */
    private static final int SMALL = 4096;

    private static final int LARGE = 2 << 20;
    private static final long PATIENCE_NANOS = 10_000_000_000L;

    private final UnixSocket socket;
    private final boolean spins;
    private final MessageSender sender = new MessageSender();
    private final MessageReceiver receiver = new MessageReceiver(8);
    private final MemorySegment received;

    private RawConnection(UnixSocket socket, boolean spins, int bufferSize) {
        this.socket = socket;
        this.spins = spins;
        received = Arena.ofAuto().allocate(bufferSize, 64);
    }

    static RawConnection connect(Path path, Policy policy) {
        return connect(path, policy, SMALL);
    }

    /** One that can receive a megabyte at once. */
    static RawConnection connectLarge(Path path, Policy policy) {
        return connect(path, policy, LARGE);
    }

    private static RawConnection connect(Path path, Policy policy, int bufferSize) {
        var socket = UnixSocket.connect(path);
        socket.timeout(Duration.ofNanos(PATIENCE_NANOS));
        return new RawConnection(socket, policy.spins(), bufferSize);
    }

    /** The start of what was received last. */
    MemorySegment received() {
        return received;
    }

    Fd fd() {
        return socket.fd();
    }

    void send(MemorySegment message, int length) {
        for (int sent = 0; sent < length; ) {
            int n = sender.send(socket, message, sent, length - sent, 0);
            if (n < 0 && n != -Errno.EINTR) {
                throw new IllegalStateException("send: " + Errno.describe(-n));
            }
            sent += Math.max(0, n);
        }
    }

    /** Sends all of a short message at once. */
    void send(MemorySegment message, int length, List<Fd> descriptors) {
        int n = sender.send(socket, message, 0, length, descriptors, 0);
        if (n != length) {
            throw new IllegalStateException("send of %d bytes: %d".formatted(length, n));
        }
    }

    /** Receives until there are at least so many bytes; returns how many there are. */
    int receive(int atLeast) {
        int got = 0;
        while (got < atLeast) {
            got += receiveSome(got);
        }
        return got;
    }

    private int receiveSome(int at) {
        int flags = spins ? MessageReceiver.DONT_WAIT : 0;
        long deadline = 0;
        while (true) {
            int n = receiver.receive(socket, received, at, (int) received.byteSize() - at, flags);
            if (n > 0) {
                return n;
            }
            if (n == -Errno.EAGAIN && spins) {
                Thread.onSpinWait();
                long now = System.nanoTime();
                deadline = deadline == 0 ? now + PATIENCE_NANOS : deadline;
                if (now - deadline < 0) {
                    continue;
                }
            } else if (n == -Errno.EINTR) {
                continue;
            }
            throw new IllegalStateException(
                    n == 0 ? "the other side is gone" : "receive: " + Errno.describe(-n));
        }
    }

    /** There and back. */
    Probe roundTrip(MemorySegment message, int length, int replyLength) {
        return () -> {
            long start = System.nanoTime();
            send(message, length);
            receive(replyLength);
            return System.nanoTime() - start;
        };
    }

    /** So many messages that nothing comes back for, then one that something does. */
    Probe burst(
            MemorySegment message,
            int length,
            int count,
            MemorySegment last,
            int lastLength,
            int replyLength) {
        return new Probe() {
            @Override
            public long sample() {
                long start = System.nanoTime();
                for (int i = 1; i < count; i++) {
                    send(message, length);
                }
                send(last, lastLength);
                receive(replyLength);
                return System.nanoTime() - start;
            }

            @Override
            public int batch() {
                return count;
            }
        };
    }

    /** So many messages, of which {@code depth} are always on their way. */
    Probe pipeline(MemorySegment message, int length, int replyLength, int depth, int count) {
        return new Probe() {
            @Override
            public long sample() {
                long start = System.nanoTime();
                int sent = 0;
                long bytes = 0;
                while (bytes < (long) count * replyLength) {
                    while (sent < count && sent - bytes / replyLength < depth) {
                        send(message, length);
                        sent++;
                    }
                    bytes += receive(1);
                }
                return System.nanoTime() - start;
            }

            @Override
            public int batch() {
                return count;
            }
        };
    }

    @Override
    public void close() {
        receiver.close();
        socket.close();
    }
}
