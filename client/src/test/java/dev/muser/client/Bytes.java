package dev.muser.client;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** Little-endian bytes, written by hand so that tests do not depend on the code under test. */
final class Bytes {
    private final ByteBuffer buffer = ByteBuffer.allocate(2 << 20).order(ByteOrder.LITTLE_ENDIAN);

    static Bytes of() {
        return new Bytes();
    }

    Bytes u8(int value) {
        buffer.put((byte) value);
        return this;
    }

    Bytes u16(int value) {
        buffer.putShort((short) value);
        return this;
    }

    Bytes u32(long value) {
        buffer.putInt((int) value);
        return this;
    }

    Bytes u64(long value) {
        buffer.putLong(value);
        return this;
    }

    Bytes text(String value) {
        buffer.put(value.getBytes(StandardCharsets.UTF_8)).put((byte) 0);
        return this;
    }

    Bytes raw(byte[] value) {
        buffer.put(value);
        return this;
    }

    /** A header; the whole message has {@code payload} bytes after it. */
    Bytes header(int id, int command, int payload, int flags, int errno) {
        return u16(id).u16(command).u32(16 + payload).u32(flags).u32(errno);
    }

    byte[] array() {
        var result = new byte[buffer.position()];
        buffer.get(0, result);
        return result;
    }
}
