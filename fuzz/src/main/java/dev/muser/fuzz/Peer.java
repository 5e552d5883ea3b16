package dev.muser.fuzz;

import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import dev.muser.linux.MessageReceiver;
import dev.muser.linux.MessageSender;
import dev.muser.linux.UnixSocket;
import dev.muser.protocol.Header;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/** A client of a server: sends bytes, sound or not, and answers what the server asks for. */
final class Peer implements AutoCloseable {
    /** Far above what any answer takes: a hang is a finding, not a matter of speed. */
    private static final Duration PATIENCE = Duration.ofSeconds(10);

    private static final int ROOM = 0x2_0000;
    private static final int DMA_READ = 11;

    private final Arena arena = Arena.ofConfined();
    private final MemorySegment out = arena.allocate(ROOM, 8);
    private final MemorySegment in = arena.allocate(2 << 20, 8);
    private final MessageSender sender = new MessageSender();
    private final MessageReceiver receiver = new MessageReceiver(MessageSender.MAX_DESCRIPTORS);
    private final UnixSocket socket;
    private final Input input;
    private final Header header = new Header();
    private int received;
    private boolean closed;

    Peer(Path path, Input input) {
        socket = UnixSocket.connect(path);
        socket.timeout(PATIENCE);
        this.input = input;
    }

    /** Whether the server has ended it. */
    boolean isClosed() {
        return closed;
    }

    /** Sends bytes, in two parts if {@code cut} is inside of them; false when nobody takes them. */
    boolean send(byte[] bytes, int cut, List<Fd> descriptors) {
        MemorySegment.copy(bytes, 0, out, ValueLayout.JAVA_BYTE, 0, bytes.length);
        int at = 0;
        while (at < bytes.length && !closed) {
            int until = at < cut && cut < bytes.length ? cut : bytes.length;
            int n =
                    sender.send(
                            socket,
                            out,
                            at,
                            until - at,
                            at == 0 ? descriptors : List.of(),
                            MessageSender.DONT_WAIT);
            if (n == -Errno.EAGAIN) {
                receive(true); // it will not read before its replies are taken
            } else if (n <= 0) {
                closed = true;
            } else {
                at += n;
            }
        }
        return !closed;
    }

    /** Waits for a reply, and answers meanwhile; returns its errno, or -1 when the server left. */
    int awaitReply() {
        while (!closed) {
            int errno = take();
            if (errno >= 0) {
                return errno;
            }
            receive(true);
        }
        return -1;
    }

    /** Takes what has come, and waits for nothing. */
    void drain() {
        while (!closed && receive(false)) {
            while (take() >= 0) {
                // one after the other
            }
        }
    }

    private boolean receive(boolean wait) {
        int n =
                receiver.receive(
                        socket,
                        in,
                        received,
                        (int) in.byteSize() - received,
                        wait ? 0 : MessageReceiver.DONT_WAIT);
        receiver.closeRest();
        if (n == -Errno.EAGAIN) {
            Finding.unless(!wait, "the server neither answers nor ends the session");
            return false;
        }
        closed |= n <= 0;
        received += Math.max(n, 0);
        return n > 0;
    }

    /** Takes a reply out of what has come; -1 when there is none. Answers commands. */
    private int take() {
        while (received >= Header.SIZE) {
            header.wrap(in, 0);
            long size = header.size();
            Finding.unless(
                    size >= Header.SIZE && size <= in.byteSize(),
                    "the server sends a message of %d bytes".formatted(size));
            if (received < size) {
                return -1;
            }
            boolean isReply = header.isReply();
            int errno = header.isError() ? header.errno() : 0;
            byte[] answer = isReply ? new byte[0] : answer((int) size);
            received -= (int) size;
            MemorySegment.copy(in, size, in, 0, received);
            if (isReply) {
                return errno;
            }
            send(answer, 0, List.of());
        }
        return -1;
    }

    /** Returns the reply to DMA_READ or DMA_WRITE, as the input says. */
    private byte[] answer(int size) {
        int how = input.u8();
        int id = header.messageId();
        int command = header.command();
        var seed = new Seed();
        if ((how & 3) == 3) {
            return seed.u16(id).u16(command).u32(16).u32(0x21).u32(1 + (how >> 2)).get();
        }
        byte[] payload = in.asSlice(16, Math.min(size - 16, 16)).toArray(ValueLayout.JAVA_BYTE);
        long count = payload.length < 16 ? 0 : ((payload[8] & 0xff) | (payload[9] & 0xff) << 8);
        int data = command == DMA_READ ? (int) Math.min(count, 0x1_0000) : 0;
        if ((how & 3) == 2) {
            data += (how >> 2) - 32; // not what was asked for
        }
        var bytes = new byte[Math.max(0, data)];
        byte[] some = input.take(Math.min(how >> 4, bytes.length));
        System.arraycopy(some, 0, bytes, 0, some.length);
        return seed.u16(id)
                .u16(command)
                .u32(16L + payload.length + bytes.length)
                .u32(1)
                .u32(0)
                .raw(payload)
                .raw(bytes)
                .get();
    }

    @Override
    public void close() {
        receiver.close();
        socket.close();
        arena.close();
    }
}
