package dev.muser.testkit.hostile;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import dev.muser.linux.MessageReceiver;
import dev.muser.linux.MessageSender;
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

/** A vfio-user client that sends the bytes it is told to, sound or not. Blocking. */
final class HostileClient implements AutoCloseable {
    /** Far above what anything here takes, so that a hang is a failure and not a verdict. */
    static final Duration PATIENCE = Duration.ofSeconds(30);

    static final String CAPABILITIES =
            "{\"capabilities\":{\"max_msg_fds\":16,\"write_multiple\":true}}";

    final UnixSocket socket;
    private final MessageSender sender = new MessageSender();
    private final MessageReceiver receiver = new MessageReceiver(MessageSender.MAX_DESCRIPTORS);
    private final List<Fd> received = new ArrayList<>();
    private int nextId = 100;
    private volatile long longestWait;

    private HostileClient(UnixSocket socket) {
        this.socket = socket;
        socket.timeout(PATIENCE);
    }

    static HostileClient connect(Path path) {
        return new HostileClient(UnixSocket.connect(path));
    }

    // --- sending

    void send(byte[] bytes, Fd... fds) {
        send(bytes, List.of(fds));
    }

    /** Sends all of the bytes, the descriptors with the first of them. */
    void send(byte[] bytes, List<Fd> fds) {
        assertThat(trySend(bytes, fds, 0)).as("bytes sent").isEqualTo(bytes.length);
    }

    /** Returns how many bytes left before the socket would take no more, or {@code -errno}. */
    int trySend(byte[] bytes, List<Fd> fds, int flags) {
        try (var arena = Arena.ofConfined()) {
            var memory = arena.allocate(Math.max(1, bytes.length));
            MemorySegment.copy(bytes, 0, memory, JAVA_BYTE, 0, bytes.length);
            int at = 0;
            while (at < bytes.length) {
                int n =
                        sender.send(
                                socket,
                                memory,
                                at,
                                bytes.length - at,
                                at == 0 ? fds : List.of(),
                                flags);
                if (n == -Errno.EAGAIN && at > 0) {
                    return at;
                }
                if (n < 0) {
                    return n;
                }
                at += n;
            }
            return at;
        }
    }

    /** Sends a command with an id of its own; returns the id. */
    int command(int command, int flags, byte[] payload, Fd... fds) {
        int id = nextId++ & 0xffff;
        send(Requests.message(id, command, flags, payload), fds);
        return id;
    }

    void post(int command, byte[] payload, Fd... fds) {
        command(command, Requests.NO_REPLY, payload, fds);
    }

    /** Sends a command and returns its reply, which must be the next message. */
    Reply ask(int command, byte[] payload, Fd... fds) {
        long asked = System.nanoTime();
        int id = command(command, 0, payload, fds);
        var reply = receive();
        waited(asked);
        assertThat(reply.id()).as("id of the reply: %s", reply).isEqualTo(id);
        assertThat(reply.command()).as("command of the reply").isEqualTo(command);
        return reply;
    }

    /** Notes that a request sent then has been answered. */
    void waited(long since) {
        longestWait = Math.max(longestWait, System.nanoTime() - since);
    }

    /** How long the slowest reply took, of those that {@link #ask} waited for. */
    Duration longestWait() {
        return Duration.ofNanos(longestWait);
    }

    HostileClient negotiate() {
        var reply = ask(Requests.VERSION, Requests.version(0, 2, CAPABILITIES));
        assertThat(reply.flags()).as("flags of %s", reply).isEqualTo(Requests.REPLY);
        return this;
    }

    void map(long address, long size, Fd... memory) {
        ask(Requests.DMA_MAP, Requests.dmaMap(Requests.READ_WRITE, 0, address, size), memory)
                .succeeded(0);
    }

    // --- receiving

    /** Receives exactly one message. */
    Reply receive() {
        var fds = new ArrayList<Fd>();
        var header = new byte[Requests.HEADER];
        fill(header, 0, fds);
        int size = ByteBuffer.wrap(header).order(ByteOrder.LITTLE_ENDIAN).getInt(4);
        assertThat(size).as("size of a message from the server").isBetween(16, 8 << 20);
        var bytes = Arrays.copyOf(header, size);
        fill(bytes, Requests.HEADER, fds);
        return new Reply(bytes, fds);
    }

    private void fill(byte[] bytes, int from, List<Fd> fds) {
        try (var arena = Arena.ofConfined()) {
            var memory = arena.allocate(Math.max(1, bytes.length));
            for (int at = from; at < bytes.length; ) {
                int n = receiver.receive(socket, memory, at, bytes.length - at, 0);
                assertThat(n).as("receive: 0 is the end, below is -errno").isPositive();
                for (int i = 0; i < receiver.descriptors(); i++) {
                    var fd = receiver.take(i);
                    fds.add(fd);
                    received.add(fd);
                }
                at += n;
            }
            MemorySegment.copy(
                    memory, from, MemorySegment.ofArray(bytes), from, bytes.length - from);
        }
    }

    /** Reads all that comes until the server ends the connection; returns how many bytes. */
    long drain() {
        try (var arena = Arena.ofConfined()) {
            var memory = arena.allocate(1 << 16);
            long total = 0;
            while (true) {
                int n = receiver.receive(socket, memory, 0, 1 << 16, 0);
                receiver.closeRest();
                if (n == 0 || n == -Errno.ECONNRESET) {
                    return total;
                }
                assertThat(n).as("receive: below 0 is -errno").isPositive();
                total += n;
            }
        }
    }

    /** Asserts that nothing more comes but the end of the stream. */
    void expectEnd() {
        assertThat(drain()).as("bytes before the end of the connection").isZero();
    }

    /** Asserts that nothing is waiting to be read. */
    void expectSilence() {
        try (var arena = Arena.ofConfined()) {
            int n = receiver.receive(socket, arena.allocate(1), 0, 1, MessageReceiver.DONT_WAIT);
            assertThat(n).as("bytes to read, 0 is the end").isEqualTo(-Errno.EAGAIN);
        }
    }

    /** Asserts that a query is answered, and so that nothing else was waiting to be read. */
    void expectServed() {
        ask(Requests.GET_INFO, Requests.info(16)).succeeded(16);
    }

    @Override
    public void close() {
        received.forEach(Fd::close);
        receiver.close();
        socket.close();
    }
}
