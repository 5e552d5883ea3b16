package dev.muser.devices.storage.nbd;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;

/** A server's end of one connection, in the terms of the protocol. Numbers are of the document. */
final class FakeSession implements AutoCloseable {
    /** A request message. */
    record Request(int flags, int type, long cookie, long offset, long length, ByteBuffer data) {}

    private final SocketChannel channel;
    final DataInputStream in;
    final DataOutputStream out;

    /** From 0, in the order that they came. */
    final int number;

    FakeSession(SocketChannel channel, int number) {
        this.channel = channel;
        this.number = number;
        in = new DataInputStream(Channels.newInputStream(channel));
        out = new DataOutputStream(Channels.newOutputStream(channel));
    }

    void greet(int flags) throws IOException {
        out.writeLong(0x4e42444d41474943L);
        out.writeLong(0x49484156454F5054L);
        out.writeShort(flags);
        in.readInt();
    }

    /** Returns the option, and has its data read. */
    int option() throws IOException {
        if (in.readLong() != 0x49484156454F5054L) {
            throw new IOException("no option");
        }
        int option = in.readInt();
        in.readNBytes(in.readInt());
        return option;
    }

    void optionReply(int option, int type, byte... data) throws IOException {
        out.writeLong(0x3e889045565a9L);
        out.writeInt(option);
        out.writeInt(type);
        out.writeInt(data.length);
        out.write(data);
    }

    Request request() throws IOException {
        if (in.readInt() != 0x25609513) {
            throw new IOException("no request");
        }
        int flags = in.readUnsignedShort();
        int type = in.readUnsignedShort();
        long cookie = in.readLong();
        long offset = in.readLong();
        long length = in.readInt() & 0xffffffffL;
        var data = type == 1 ? in.readNBytes((int) length) : new byte[0];
        return new Request(flags, type, cookie, offset, length, ByteBuffer.wrap(data));
    }

    void simple(long cookie, int error, byte... data) throws IOException {
        var message = ByteBuffer.allocate(16 + data.length);
        message.putInt(0x67446698).putInt(error).putLong(cookie).put(data);
        out.write(message.array());
    }

    void chunk(long cookie, int flags, int type, byte... payload) throws IOException {
        var message = ByteBuffer.allocate(20 + payload.length);
        message.putInt(0x668e33ef).putShort((short) flags).putShort((short) type);
        message.putLong(cookie).putInt(payload.length).put(payload);
        out.write(message.array());
    }

    void data(Request request, int flags, long offset, byte... data) throws IOException {
        chunk(
                request.cookie,
                flags,
                1,
                ByteBuffer.allocate(8 + data.length).putLong(offset).put(data).array());
    }

    void hole(Request request, int flags, long offset, int count) throws IOException {
        chunk(
                request.cookie,
                flags,
                2,
                ByteBuffer.allocate(12).putLong(offset).putInt(count).array());
    }

    void none(Request request) throws IOException {
        chunk(request.cookie, 1, 0);
    }

    void error(Request request, int flags, int error, String message) throws IOException {
        var bytes = message.getBytes(StandardCharsets.UTF_8);
        chunk(
                request.cookie,
                flags,
                0x8001,
                ByteBuffer.allocate(6 + bytes.length)
                        .putInt(error)
                        .putShort((short) bytes.length)
                        .put(bytes)
                        .array());
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
