package dev.muser.devices.storage.nbd;

import java.io.EOFException;
import java.io.IOException;
import java.net.SocketAddress;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;

/**
 * A socket to a server, blocking: one thread receives, one sends, and any may close it, which ends
 * what they do.
 */
final class NbdChannel implements AutoCloseable {
    private static final int INPUT = 16 << 10;

    private final SocketChannel socket;
    private final ByteBuffer input = ByteBuffer.allocateDirect(INPUT).flip();

    private NbdChannel(SocketChannel socket) {
        this.socket = socket;
    }

    /** Returns a socket that {@link #connect} connects, so that it can be closed meanwhile. */
    static NbdChannel open(SocketAddress address) throws IOException {
        if (address instanceof UnixDomainSocketAddress) {
            return new NbdChannel(SocketChannel.open(StandardProtocolFamily.UNIX));
        }
        var socket = SocketChannel.open();
        try {
            socket.setOption(StandardSocketOptions.TCP_NODELAY, true);
            socket.setOption(StandardSocketOptions.SO_KEEPALIVE, true);
        } catch (IOException e) {
            socket.close();
            throw e;
        }
        return new NbdChannel(socket);
    }

    void connect(SocketAddress address) throws IOException {
        socket.connect(address);
    }

    /** Makes the next {@code count} bytes, few, those that {@link #input} is positioned at. */
    void need(int count) throws IOException {
        if (input.remaining() >= count) {
            return;
        }
        input.compact();
        try {
            while (input.position() < count) {
                receive(input);
            }
        } finally {
            input.flip();
        }
    }

    /** What {@link #need} has received; numbers are big-endian. */
    ByteBuffer input() {
        return input;
    }

    /** Fills {@code target}. */
    void read(ByteBuffer target) throws IOException {
        int there = Math.min(input.remaining(), target.remaining());
        target.put(target.position(), input, input.position(), there);
        target.position(target.position() + there);
        input.position(input.position() + there);
        while (target.hasRemaining()) {
            receive(target);
        }
    }

    void skip(int count) throws IOException {
        int left = count;
        while (left > 0) {
            need(1);
            int there = Math.min(left, input.remaining());
            input.position(input.position() + there);
            left -= there;
        }
    }

    private void receive(ByteBuffer into) throws IOException {
        if (socket.read(into) < 0) {
            throw new EOFException("the server closed the connection");
        }
    }

    void write(ByteBuffer message) throws IOException {
        while (message.hasRemaining()) {
            socket.write(message);
        }
    }

    /** Sends the first {@code count} of these. */
    void write(ByteBuffer[] messages, int count) throws IOException {
        int first = 0;
        while (first < count) {
            if (messages[first].hasRemaining()) {
                socket.write(messages, first, count - first);
            } else {
                first++;
            }
        }
    }

    @Override
    public void close() {
        try {
            socket.close();
        } catch (IOException e) {
            // It is closed all the same.
        }
    }
}
