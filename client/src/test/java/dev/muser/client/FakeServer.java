package dev.muser.client;

import dev.muser.linux.Fd;
import dev.muser.linux.MessageReceiver;
import dev.muser.linux.MessageSender;
import dev.muser.linux.UnixSocket;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The other end of a socket, on a thread of its own: sends and receives what a script says. */
final class FakeServer implements AutoCloseable {
    static final int VERSION = 1;
    static final int DMA_MAP = 2;
    static final int DMA_UNMAP = 3;
    static final int GET_INFO = 4;
    static final int GET_REGION_INFO = 5;
    static final int GET_IO_FDS = 6;
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

    static final int REPLY = 1;
    static final int NO_REPLY = 0x10;
    static final int ERROR = 0x21;

    /** What the server does. */
    interface Script {
        void run(FakeServer server);
    }

    /** A message as it came. */
    static final class Message {
        private final byte[] bytes;
        private final List<Fd> descriptors;

        Message(byte[] bytes, List<Fd> descriptors) {
            this.bytes = bytes;
            this.descriptors = descriptors;
        }

        byte[] bytes() {
            return bytes;
        }

        List<Fd> descriptors() {
            return descriptors;
        }

        ByteBuffer at() {
            return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        }

        int id() {
            return Short.toUnsignedInt(at().getShort(0));
        }

        int command() {
            return Short.toUnsignedInt(at().getShort(2));
        }

        int flags() {
            return at().getInt(8);
        }

        byte[] payload() {
            return Arrays.copyOfRange(bytes, 16, bytes.length);
        }

        ByteBuffer body() {
            return ByteBuffer.wrap(payload()).order(ByteOrder.LITTLE_ENDIAN);
        }
    }

    private final UnixSocket clientEnd;
    private final UnixSocket socket;
    private final MessageReceiver receiver = new MessageReceiver(64);
    private final MessageSender sender = new MessageSender();
    private final MemorySegment memory = Arena.ofAuto().allocate(2 << 20, 8);
    private final Thread thread;
    private volatile @Nullable Throwable failure;

    private FakeServer(Script script) {
        var pair = UnixSocket.pair();
        clientEnd = pair[0];
        socket = pair[1];
        socket.timeout(Duration.ofSeconds(20));
        thread =
                new Thread(
                        () -> {
                            try {
                                script.run(this);
                            } catch (Throwable t) {
                                failure = t;
                                socket.shutdown(); // lets the client fail now
                            }
                        },
                        "fake-server");
    }

    static FakeServer start(Script script) {
        var server = new FakeServer(script);
        server.thread.start();
        return server;
    }

    /** A server that has answered VERSION and GET_INFO before the script begins. */
    static FakeServer negotiated(Script script) {
        return negotiated("", script);
    }

    /** As the other, with these capabilities: what is between the inner braces. */
    static FakeServer negotiated(String capabilities, Script script) {
        return start(server -> {
            server.negotiate(capabilities, List.of());
            script.run(server);
        });
    }

    RemoteDevice connect() {
        return connect(ClientOptions.DEFAULTS);
    }

    RemoteDevice connect(ClientOptions options) {
        return RemoteDevice.over(clientEnd, options);
    }

    UnixSocket socket() {
        return socket;
    }

    void negotiate(String capabilities, List<Fd> descriptors) {
        var version = expect(VERSION);
        reply(
                version,
                Bytes.of().u16(0).u16(1).text("{\"capabilities\":{" + capabilities + "}}").array(),
                descriptors);
        answerInfo();
    }

    void answerInfo() {
        reply(expect(GET_INFO), Bytes.of().u32(16).u32(3).u32(9).u32(5).array());
    }

    Message expect(int command) {
        var message = receive(socket);
        if (message.command() != command) {
            throw new AssertionError(
                    "expected command %d, got %d".formatted(command, message.command()));
        }
        return message;
    }

    Message receive(UnixSocket from) {
        var descriptors = new ArrayList<Fd>();
        receive(from, 0, 16, descriptors);
        int size = memory.get(ValueLayout.JAVA_INT, 4);
        receive(from, 16, size, descriptors);
        return new Message(memory.asSlice(0, size).toArray(ValueLayout.JAVA_BYTE), descriptors);
    }

    private void receive(UnixSocket from, int start, int end, List<Fd> descriptors) {
        for (int at = start; at < end; ) {
            int n = receiver.receive(from, memory, at, end - at, 0);
            if (n <= 0) {
                throw new AssertionError("receive in fake server: " + n);
            }
            for (int i = 0; i < receiver.descriptors(); i++) {
                descriptors.add(receiver.take(i));
            }
            at += n;
        }
    }

    void reply(Message request, byte[] payload) {
        reply(request, payload, List.of());
    }

    void reply(Message request, byte[] payload, List<Fd> descriptors) {
        send(replyBytes(request, payload), descriptors);
    }

    static byte[] replyBytes(Message request, byte[] payload) {
        return Bytes.of()
                .header(request.id(), request.command(), payload.length, REPLY, 0)
                .raw(payload)
                .array();
    }

    void error(Message request, int errno) {
        send(Bytes.of().header(request.id(), request.command(), 0, ERROR, errno).array());
    }

    void send(byte[] bytes) {
        send(socket, bytes, List.of());
    }

    void send(byte[] bytes, List<Fd> descriptors) {
        send(socket, bytes, descriptors);
    }

    void send(UnixSocket to, byte[] bytes, List<Fd> descriptors) {
        try (var arena = Arena.ofConfined()) {
            var segment = arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes);
            for (int sent = 0; sent < bytes.length; ) {
                var now = sent == 0 ? descriptors : List.<Fd>of();
                int n = sender.send(to, segment, sent, bytes.length - sent, now, 0);
                if (n < 0) {
                    throw new AssertionError("send in fake server: " + n);
                }
                sent += n;
            }
        }
    }

    /** The reply to a REGION_READ: its own 16 bytes, then {@code data}. */
    void replyRead(Message request, byte[] data) {
        reply(request, readPayload(request, data));
    }

    static byte[] readPayload(Message request, byte[] data) {
        return Bytes.of()
                .raw(Arrays.copyOf(request.payload(), 12))
                .u32(data.length)
                .raw(data)
                .array();
    }

    /** Waits until the script is over; throws what it threw. */
    void finish() {
        try {
            thread.join(30_000);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
        if (thread.isAlive()) {
            throw new AssertionError("the fake server's script did not end");
        }
        if (failure != null) {
            throw new AssertionError("in the fake server's script", failure);
        }
    }

    /** Ends it, whatever it does. */
    @Override
    public void close() {
        socket.shutdown();
        try {
            thread.join(30_000);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
        receiver.close();
        socket.close();
        clientEnd.close();
    }
}
