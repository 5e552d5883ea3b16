package dev.muser.devices.storage.nbd;

import dev.muser.devices.storage.nbd.FakeSession.Request;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * An NBD server over an array, honest until a test scripts it. What a script throws, or the
 * client's end, ends the connection.
 */
final class FakeServer implements AutoCloseable {
    static final int HAS_FLAGS = 1;
    static final int READ_ONLY = 2;
    static final int FLUSH = 4;
    static final int FUA = 8;
    static final int TRIM = 32;
    static final int ZEROES = 64;
    static final int MULTI = 256;

    /** What a connection does. */
    interface Script {
        void run(FakeSession session) throws IOException;
    }

    /** What is done about a request. */
    interface Handler {
        void handle(FakeSession session, Request request) throws IOException;
    }

    private final @Nullable Path socket;
    final byte[] disk = new byte[1 << 20];
    final List<Request> requests = new CopyOnWriteArrayList<>();
    private final List<FakeSession> sessions = new CopyOnWriteArrayList<>();
    private final AtomicInteger numbers = new AtomicInteger();
    private @Nullable ServerSocketChannel listener;

    volatile long size = disk.length;
    volatile int flags = HAS_FLAGS | FLUSH | FUA | TRIM | ZEROES;
    volatile int minimum = 1;
    volatile int maximum = 32 << 20;
    volatile boolean knowsGo = true;
    volatile boolean knowsStructured = true;
    volatile boolean tellsBlockSize = true;
    volatile int greeting = 3;
    volatile Script script = this::serve;
    volatile Handler handler = this::handle;

    FakeServer(@Nullable Path socket) {
        this.socket = socket;
        start();
    }

    void start() {
        try {
            if (socket != null) {
                Files.deleteIfExists(socket);
                listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
                listener.bind(UnixDomainSocketAddress.of(socket));
            } else {
                listener = ServerSocketChannel.open();
                listener.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        var accepting = listener;
        Thread.ofPlatform().daemon().start(() -> accept(accepting));
    }

    String uri() throws IOException {
        return socket != null
                ? "nbd+unix:///?socket=" + socket
                : "nbd://127.0.0.1:"
                        + ((InetSocketAddress) listener().getLocalAddress()).getPort()
                        + "/";
    }

    private ServerSocketChannel listener() {
        var now = listener;
        if (now == null) {
            throw new IllegalStateException("not started");
        }
        return now;
    }

    private void accept(ServerSocketChannel accepting) {
        while (true) {
            try {
                var session = new FakeSession(accepting.accept(), numbers.getAndIncrement());
                sessions.add(session);
                Thread.ofPlatform()
                        .daemon()
                        .start(() -> {
                            try (session) {
                                script.run(session);
                            } catch (IOException e) {
                                // The connection's end.
                            }
                        });
            } catch (IOException e) {
                return; // closed
            }
        }
    }

    /** How many connections there have been. */
    int connections() {
        return numbers.get();
    }

    void serve(FakeSession session) throws IOException {
        handshake(session);
        while (true) {
            var request = session.request();
            requests.add(request);
            if (request.type() == 2) {
                return;
            }
            handler.handle(session, request);
        }
    }

    void handshake(FakeSession session) throws IOException {
        session.greet(greeting);
        while (true) {
            int option = session.option();
            switch (option) {
                case 1 -> {
                    session.out.writeLong(size);
                    session.out.writeShort(flags);
                    session.out.write(new byte[(greeting & 2) == 0 ? 124 : 0]);
                    return;
                }
                case 7 -> {
                    if (!knowsGo) {
                        session.optionReply(7, 0x80000001);
                        continue;
                    }
                    session.optionReply(7, 3, exportInfo());
                    if (tellsBlockSize) {
                        session.optionReply(
                                7,
                                3,
                                ByteBuffer.allocate(14)
                                        .putShort((short) 3)
                                        .putInt(minimum)
                                        .putInt(4096)
                                        .putInt(maximum)
                                        .array());
                    }
                    session.optionReply(7, 1);
                    return;
                }
                case 8 -> session.optionReply(8, knowsStructured ? 1 : 0x80000001);
                default -> session.optionReply(option, 0x80000001);
            }
        }
    }

    byte[] exportInfo() {
        return ByteBuffer.allocate(12)
                .putShort((short) 0)
                .putLong(size)
                .putShort((short) flags)
                .array();
    }

    void handle(FakeSession session, Request request) throws IOException {
        int from = (int) request.offset();
        int count = (int) request.length();
        switch (request.type()) {
            case 0 -> {
                var data = read(request.offset(), count);
                if (knowsStructured) {
                    session.data(request, 1, request.offset(), data);
                } else {
                    session.simple(request.cookie(), 0, data);
                }
            }
            case 1 -> {
                synchronized (disk) {
                    request.data().get(0, disk, from, count);
                }
                session.simple(request.cookie(), 0);
            }
            case 4, 6 -> {
                synchronized (disk) {
                    Arrays.fill(disk, from, from + count, (byte) 0);
                }
                session.simple(request.cookie(), 0);
            }
            default -> session.simple(request.cookie(), 0);
        }
    }

    byte[] read(long offset, int count) {
        synchronized (disk) {
            return Arrays.copyOfRange(disk, (int) offset, (int) offset + count);
        }
    }

    /** Dies: nobody listens, and all connections are gone. */
    void stop() {
        try {
            listener().close();
            for (var session : sessions) {
                session.close();
            }
            sessions.clear();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        stop();
    }
}
