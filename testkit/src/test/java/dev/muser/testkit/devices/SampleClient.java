package dev.muser.testkit.devices;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.linux.Fd;
import dev.muser.linux.MessageReceiver;
import dev.muser.linux.MessageSender;
import dev.muser.linux.UnixSocket;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A client that sends the bytes of vfio-user's messages itself and waits for each reply, as
 * libvfio-user's sample client does. What the server asks is no reply, and fails the test.
 */
@SuppressWarnings("ByteBufferBackingArray") // all are made by bytes()
final class SampleClient implements AutoCloseable {
    static final int VERSION = 1;
    static final int DMA_MAP = 2;
    static final int DMA_UNMAP = 3;
    static final int GET_INFO = 4;
    static final int GET_REGION_INFO = 5;
    static final int GET_IRQ_INFO = 7;
    static final int SET_IRQS = 8;
    static final int REGION_READ = 9;
    static final int REGION_WRITE = 10;
    static final int DMA_READ = 11;
    static final int DMA_WRITE = 12;
    static final int RESET = 13;
    static final int FEATURE = 16;
    static final int MIG_DATA_READ = 17;
    static final int MIG_DATA_WRITE = 18;

    private static final int REPLY = 1;
    private static final int ERROR_REPLY = 0x21;

    /** Far above what anything here takes, so that a hang is a failure and not a verdict. */
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private final UnixSocket socket;
    private final MessageSender sender = new MessageSender();
    private final MessageReceiver receiver = new MessageReceiver(32);
    private final List<Fd> received = new ArrayList<>();
    private int nextId = 0xf00f;

    private SampleClient(UnixSocket socket) {
        this.socket = socket;
        socket.timeout(PATIENCE);
    }

    static SampleClient connect(Path path) {
        return new SampleClient(UnixSocket.connect(path));
    }

    /** The client's end of a twin socket, which has come with the reply to VERSION. */
    static SampleClient twin(Fd end) {
        return new SampleClient(UnixSocket.adopt(end.duplicate()));
    }

    /** A message without its header; descriptors are closed with the client. */
    record Message(int id, int command, int flags, int errno, ByteBuffer payload, List<Fd> fds) {}

    static ByteBuffer bytes(int size) {
        return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** Sends a command and returns the payload of its reply, which must have succeeded. */
    ByteBuffer ask(int command, ByteBuffer payload, Fd... fds) {
        return askForFds(command, payload, fds).payload;
    }

    Message askForFds(int command, ByteBuffer payload, Fd... fds) {
        var reply = exchange(command, payload, fds);
        assertThat(reply.flags).as("flags, errno %d", reply.errno).isEqualTo(REPLY);
        return reply;
    }

    void expectError(int errno, int command, ByteBuffer payload) {
        var reply = exchange(command, payload);
        assertThat(reply.flags).isEqualTo(ERROR_REPLY);
        assertThat(reply.errno).isEqualTo(errno);
    }

    private Message exchange(int command, ByteBuffer payload, Fd... fds) {
        int id = nextId-- & 0xffff;
        send(id, command, 0, payload, fds);
        var reply = receive();
        assertThat(reply.id).isEqualTo(id);
        assertThat(reply.command).isEqualTo(command);
        return reply;
    }

    void reply(Message to, ByteBuffer payload) {
        send(to.id, to.command, REPLY, payload);
    }

    private void send(int id, int command, int flags, ByteBuffer payload, Fd... fds) {
        var bytes = bytes(16 + payload.capacity());
        bytes.putShort((short) id).putShort((short) command).putInt(bytes.capacity());
        bytes.putInt(flags).putInt(0).put(payload.array());
        try (var arena = Arena.ofConfined()) {
            var memory = arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes.array());
            for (int at = 0; at < bytes.capacity(); ) {
                int n =
                        sender.send(
                                socket,
                                memory,
                                at,
                                bytes.capacity() - at,
                                at == 0 ? Arrays.asList(fds) : List.of(),
                                0);
                assertThat(n).as("sent: below 0 is -errno").isPositive();
                at += n;
            }
        }
    }

    /** Receives exactly one message. */
    Message receive() {
        var fds = new ArrayList<Fd>();
        var header = exactly(16, fds);
        int size = header.getInt(4);
        assertThat(size).isBetween(16, 1 << 20);
        int id = header.getShort(0) & 0xffff;
        int command = header.getShort(2);
        return new Message(
                id, command, header.getInt(8), header.getInt(12), exactly(size - 16, fds), fds);
    }

    private ByteBuffer exactly(int count, List<Fd> fds) {
        var bytes = bytes(count);
        try (var arena = Arena.ofConfined()) {
            var memory = arena.allocate(Math.max(1, count));
            for (int at = 0; at < count; ) {
                int n = receiver.receive(socket, memory, at, count - at, 0);
                assertThat(n).as("received: 0 is the end, below is -errno").isPositive();
                for (int i = 0; i < receiver.descriptors(); i++) {
                    var fd = receiver.take(i);
                    fds.add(fd);
                    received.add(fd);
                }
                at += n;
            }
            MemorySegment.copy(memory, ValueLayout.JAVA_BYTE, 0, bytes.array(), 0, count);
        }
        return bytes;
    }

    @Override
    public void close() {
        received.forEach(Fd::close);
        receiver.close();
        socket.close();
    }
}
