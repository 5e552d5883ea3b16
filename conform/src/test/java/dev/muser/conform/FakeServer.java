package dev.muser.conform;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.muser.linux.Fd;
import dev.muser.linux.MessageReceiver;
import dev.muser.linux.MessageSender;
import dev.muser.linux.Poll;
import dev.muser.linux.UnixListener;
import dev.muser.linux.UnixSocket;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/**
 * A vfio-user server in one thread, one client at a time, which keeps to the specification but for
 * the faults that it is given. It is of no use but to be tested.
 */
final class FakeServer implements AutoCloseable {
    private static final int HEADER = 16;
    private static final int LARGEST = 2 << 20;
    private static final Duration TURN = Duration.ofMillis(20);

    private final Set<Fault> faults;
    private final UnixListener listener;
    private final FakeDevice device;
    private final Thread thread;
    private final List<Fd> kept = new ArrayList<>();
    private volatile boolean ending;
    private boolean hangs;

    FakeServer(Path socket, Fault... faults) {
        this.faults = EnumSet.noneOf(Fault.class);
        this.faults.addAll(List.of(faults));
        listener = UnixListener.bind(socket, 8);
        device = new FakeDevice(this.faults);
        thread = Thread.ofPlatform().name("fake-server").start(this::run);
    }

    private boolean has(Fault fault) {
        return faults.contains(fault);
    }

    private void run() {
        try (device) {
            while (!ending) {
                var client = Poll.await(listener.fd(), Poll.IN, TURN) ? listener.accept() : null;
                if (client != null) {
                    serve(client);
                    ending |= has(Fault.ONE_CLIENT);
                }
            }
        }
        kept.forEach(Fd::close);
        listener.close();
    }

    /** One connection. */
    private final class Client implements AutoCloseable {
        final UnixSocket socket;
        final MessageReceiver receiver = new MessageReceiver(MessageSender.MAX_DESCRIPTORS);
        final MessageSender sender = new MessageSender();
        byte[] input = new byte[0];

        /** What came with the last message that starts in the input. */
        final List<Fd> fds = new ArrayList<>();

        Client(UnixSocket socket) {
            this.socket = socket;
        }

        /** Reads once; returns false at the end. */
        boolean read() {
            try (var arena = Arena.ofConfined()) {
                var memory = arena.allocate(65536);
                int n = receiver.receive(socket, memory, 0, 65536, 0);
                if (n <= 0) {
                    return false;
                }
                for (int i = 0; i < receiver.descriptors(); i++) {
                    fds.add(receiver.take(i));
                }
                var more = Arrays.copyOf(input, input.length + n);
                MemorySegment.copy(memory, JAVA_BYTE, 0, more, input.length, n);
                input = more;
                return true;
            }
        }

        void send(byte[] bytes, List<Fd> descriptors) {
            try (var arena = Arena.ofConfined()) {
                var memory = arena.allocate(Math.max(1, bytes.length));
                MemorySegment.copy(bytes, 0, memory, JAVA_BYTE, 0, bytes.length);
                int at = 0;
                boolean late = has(Fault.DESCRIPTOR_LATE) && !descriptors.isEmpty();
                while (at < bytes.length) {
                    int length = late && at == 0 ? bytes.length - 1 : bytes.length - at;
                    boolean with = late ? at > 0 : at == 0;
                    int n =
                            sender.send(
                                    socket, memory, at, length, with ? descriptors : List.of(), 0);
                    if (n < 0) {
                        return; // the client is gone
                    }
                    at += n;
                }
            }
        }

        @Override
        public void close() {
            fds.forEach(Fd::close);
            receiver.close();
            socket.close();
        }
    }

    private void serve(UnixSocket socket) {
        try (var client = new Client(socket)) {
            device.connected();
            while (!ending) {
                if (!Poll.await(socket.fd(), Poll.IN, TURN)) {
                    continue;
                }
                if (!client.read()) {
                    break;
                }
                if (!hangs && !handle(client)) {
                    break;
                }
            }
        } finally {
            device.disconnected();
            hangs &= has(Fault.RESET_HANGS_FOR_GOOD);
        }
    }

    /** Handles the whole messages in the input; returns false to end the connection. */
    private boolean handle(Client client) {
        var replies = new ArrayList<Runnable>();
        while (client.input.length >= HEADER && !hangs) {
            var view = ByteBuffer.wrap(client.input).order(ByteOrder.LITTLE_ENDIAN);
            long size = Integer.toUnsignedLong(view.getInt(4));
            int command = Short.toUnsignedInt(view.getShort(2));
            if (has(Fault.UNKNOWN_NOT_SKIPPED) && command == 99) {
                size = HEADER;
            }
            if (size < HEADER || size > LARGEST) {
                return false;
            }
            if (client.input.length < size) {
                break;
            }
            var message = Arrays.copyOf(client.input, (int) size);
            client.input = Arrays.copyOfRange(client.input, (int) size, client.input.length);
            var fds = client.input.length < HEADER ? List.copyOf(client.fds) : List.<Fd>of();
            if (!one(client, message, fds, replies)) {
                return false;
            }
            if (!fds.isEmpty()) {
                client.fds.clear();
                if (has(Fault.DESCRIPTORS_KEPT)) {
                    kept.addAll(fds.stream().map(Fd::duplicate).toList());
                }
                fds.forEach(Fd::close);
            }
        }
        (has(Fault.REORDERED) && replies.size() > 2 ? replies.reversed() : replies)
                .forEach(Runnable::run);
        return client.input.length == 0 || !has(Fault.PIECES_REFUSED);
    }

    /** Handles one message; returns false to end the connection. */
    private boolean one(Client client, byte[] message, List<Fd> fds, List<Runnable> replies) {
        var view = ByteBuffer.wrap(message).order(ByteOrder.LITTLE_ENDIAN);
        int id = Short.toUnsignedInt(view.getShort(0));
        int command = Short.toUnsignedInt(view.getShort(2));
        int flags = view.getInt(8);
        if ((flags & 0xf) == Command.REPLY) {
            return true; // nobody waits for it
        }
        if ((flags & 0xf) != 0) {
            return false;
        }
        var reply =
                device.handle(command, Arrays.copyOfRange(message, HEADER, message.length), fds);
        if (device.crashed()) {
            ending = true;
            return false;
        }
        if (command == Command.RESET
                && (has(Fault.RESET_HANGS) || has(Fault.RESET_HANGS_FOR_GOOD))) {
            hangs = true;
            return true;
        }
        boolean silent = (flags & Command.NO_REPLY) != 0 && !has(Fault.NO_REPLY_IGNORED);
        silent |= has(Fault.UNKNOWN_SWALLOWED) && (command > 18 || command == 0);
        if (!silent) {
            var bytes = encoded(id, command, reply);
            replies.add(() -> client.send(bytes, reply.fds()));
        }
        return command != Command.VERSION || reply.errno() == 0;
    }

    private byte[] encoded(int id, int command, FakeReply reply) {
        boolean irqInfo = command == Command.GET_IRQ_INFO;
        var payload =
                reply.errno() != 0 && irqInfo && has(Fault.ERROR_PAYLOAD)
                        ? new byte[4]
                        : reply.payload();
        return Bytes.of()
                .u16(irqInfo && has(Fault.REPLY_ID) ? id + 1 : id)
                .u16(irqInfo && has(Fault.REPLY_COMMAND) ? Command.GET_INFO : command)
                .u32(HEADER + payload.length)
                .u32(reply.errno() == 0 ? Command.REPLY : Command.REPLY | Command.ERROR)
                .u32(has(Fault.ERRNO_MISSING) ? 0 : reply.errno())
                .raw(payload)
                .get();
    }

    @Override
    public void close() {
        ending = true;
        try {
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
