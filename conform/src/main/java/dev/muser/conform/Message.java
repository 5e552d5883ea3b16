package dev.muser.conform;

import dev.muser.linux.Fd;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;

/**
 * A message from the server.
 *
 * @param bytes header and payload
 * @param fds what came with its header; closed with the connection
 * @param lateFds how many descriptors came behind the header, where clients do not look for them
 */
@SuppressWarnings("ArrayRecordComponent") // nobody compares them
record Message(byte[] bytes, List<Fd> fds, int lateFds) {
    static final int HEADER = 16;

    // header: id u16 @0, command u16 @2, size u32 @4, flags u32 @8, error u32 @12

    int id() {
        return Short.toUnsignedInt(view().getShort(0));
    }

    int command() {
        return Short.toUnsignedInt(view().getShort(2));
    }

    int flags() {
        return view().getInt(8);
    }

    int errno() {
        return view().getInt(12);
    }

    boolean isReply() {
        return (flags() & 0xf) == Command.REPLY;
    }

    boolean isError() {
        return (flags() & Command.ERROR) != 0;
    }

    /** How many bytes there are behind the header. */
    int length() {
        return bytes.length - HEADER;
    }

    int u16(int at) {
        return Short.toUnsignedInt(view().getShort(HEADER + at));
    }

    long u32(int at) {
        return Integer.toUnsignedLong(view().getInt(HEADER + at));
    }

    long u64(int at) {
        return view().getLong(HEADER + at);
    }

    byte[] payload(int from) {
        return Arrays.copyOfRange(bytes, HEADER + from, bytes.length);
    }

    private ByteBuffer view() {
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }
}
