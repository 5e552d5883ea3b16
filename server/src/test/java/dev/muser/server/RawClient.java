package dev.muser.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import dev.muser.linux.MessageReceiver;
import dev.muser.linux.MessageSender;
import dev.muser.linux.UnixSocket;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** A vfio-user client that sends the bytes it is told to, sound or not. Blocking. */
final class RawClient implements AutoCloseable {
    /** Far above what anything here takes, so that a hang is a failure and not a verdict. */
    private static final Duration PATIENCE = Duration.ofSeconds(10);

    static final int VERSION = 1;
    static final int DMA_MAP = 2;
    static final int DMA_UNMAP = 3;
    static final int GET_INFO = 4;
    static final int GET_REGION_INFO = 5;
    static final int GET_REGION_IO_FDS = 6;
    static final int GET_IRQ_INFO = 7;
    static final int SET_IRQS = 8;
    static final int REGION_READ = 9;
    static final int REGION_WRITE = 10;
    static final int DMA_READ = 11;
    static final int DMA_WRITE = 12;
    static final int RESET = 13;
    static final int WRITE_MULTI = 15;
    static final int FEATURE = 16;
    static final int MIG_READ = 17;
    static final int MIG_WRITE = 18;

    static final int NO_REPLY = 0x10;

    final UnixSocket socket;
    private final MessageSender sender = new MessageSender();
    private final MessageReceiver receiver = new MessageReceiver(253);
    private final List<Fd> received = new ArrayList<>();
    private int nextId = 100;

    RawClient(UnixSocket socket) {
        this.socket = socket;
        socket.timeout(PATIENCE);
    }

    static RawClient connect(Path path) {
        return new RawClient(UnixSocket.connect(path));
    }

    // --- what to send

    static byte[] message(int id, int command, int flags, byte[] payload) {
        return message(id, command, 16L + payload.length, flags, payload);
    }

    /** A message whose header may lie about the size. */
    static byte[] message(int id, int command, long size, int flags, byte[] payload) {
        return Bytes.of().u16(id).u16(command).u32(size).u32(flags).u32(0).raw(payload).get();
    }

    static byte[] version(int major, int minor, String json) {
        return Bytes.of().u16(major).u16(minor).text(json).u8(0).get();
    }

    static byte[] regionRead(int region, long offset, long count) {
        return Bytes.of().u64(offset).u32(region).u32(count).get();
    }

    static byte[] regionWrite(int region, long offset, byte... data) {
        return Bytes.of().u64(offset).u32(region).u32(data.length).raw(data).get();
    }

    static byte[] dmaMap(long flags, long offset, long address, long size) {
        return Bytes.of().u32(32).u32(flags).u64(offset).u64(address).u64(size).get();
    }

    // --- sending

    void send(byte[] bytes, Fd... fds) {
        send(bytes, List.of(fds));
    }

    /** Sends all of the bytes, the descriptors with the first of them. */
    void send(byte[] bytes, List<Fd> fds) {
        int sent = trySend(bytes, fds);
        assertThat(sent).as("bytes sent").isEqualTo(bytes.length);
    }

    /** Returns how many bytes left, or {@code -errno}. */
    int trySend(byte[] bytes, List<Fd> fds) {
        try (var arena = Arena.ofConfined()) {
            var memory = arena.allocate(Math.max(1, bytes.length));
            MemorySegment.copy(bytes, 0, memory, ValueLayout.JAVA_BYTE, 0, bytes.length);
            int at = 0;
            while (at < bytes.length) {
                int n =
                        sender.send(
                                socket,
                                memory,
                                at,
                                bytes.length - at,
                                at == 0 ? fds : List.of(),
                                0);
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
        send(message(id, command, flags, payload), fds);
        return id;
    }

    void post(int command, byte[] payload, Fd... fds) {
        command(command, NO_REPLY, payload, fds);
    }

    /** Sends a command and returns its reply, which must be the next message. */
    Message ask(int command, byte[] payload, Fd... fds) {
        int id = command(command, 0, payload, fds);
        var reply = receive();
        assertThat(reply.id()).as("id of the reply %s", reply).isEqualTo(id);
        assertThat(reply.command()).isEqualTo(command);
        return reply;
    }

    Message negotiate() {
        return negotiate("{\"capabilities\":{\"max_msg_fds\":16,\"write_multiple\":true}}");
    }

    Message negotiate(String json) {
        var reply = ask(VERSION, version(0, 2, json));
        assertThat(reply.flags()).isEqualTo(Message.REPLY);
        return reply;
    }

    // --- receiving

    /** Receives exactly one message; its descriptors are closed with this client. */
    Message receive() {
        var fds = new ArrayList<Fd>();
        byte[] header = exactly(16, fds);
        long size = Integer.toUnsignedLong(Bytes.view(header).getInt(4));
        assertThat(size).as("size of a message from the server").isBetween(16L, 70L << 20);
        return new Message(header, exactly((int) size - 16, fds), fds);
    }

    private byte[] exactly(int count, List<Fd> fds) {
        var bytes = new byte[count];
        try (var arena = Arena.ofConfined()) {
            var memory = arena.allocate(Math.max(1, count));
            int at = 0;
            while (at < count) {
                int n = receiveSome(memory, at, count - at, 0);
                assertThat(n).as("receive: 0 is the end, below is -errno").isPositive();
                for (int i = 0; i < receiver.descriptors(); i++) {
                    var fd = receiver.take(i);
                    fds.add(fd);
                    received.add(fd);
                }
                at += n;
            }
            MemorySegment.copy(memory, ValueLayout.JAVA_BYTE, 0, bytes, 0, count);
        }
        return bytes;
    }

    /** One {@code recvmsg}; returns its result. */
    int receiveSome(MemorySegment into, int at, int length, int flags) {
        return receiver.receive(socket, into, at, length, flags);
    }

    /** Asserts that nothing more comes but the end of the stream. */
    void expectEnd() {
        try (var arena = Arena.ofConfined()) {
            int n = receiveSome(arena.allocate(1), 0, 1, 0);
            assertThat(n).as("the server ends the connection").isIn(0, -Errno.ECONNRESET);
        }
    }

    /** Asserts that a query is answered, and so that nothing else was waiting to be read. */
    void expectServed() {
        ask(GET_INFO, Bytes.of().u32(16).zeros(12).get()).succeeded(16);
    }

    @Override
    public void close() {
        received.forEach(Fd::close);
        receiver.close();
        socket.close();
    }
}
