package dev.muser.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.linux.Fd;
import java.util.List;

/** A message as a client sees it on the wire, with the descriptors that came with its header. */
final class Message {
    static final int REPLY = 1;
    static final int ERROR_REPLY = 0x21;

    private final int id;
    private final int command;
    private final long size;
    private final int flags;
    private final long errno;
    private final byte[] payload;
    private final List<Fd> fds;

    Message(byte[] header, byte[] payload, List<Fd> fds) {
        var view = Bytes.view(header);
        id = Short.toUnsignedInt(view.getShort(0));
        command = Short.toUnsignedInt(view.getShort(2));
        size = Integer.toUnsignedLong(view.getInt(4));
        flags = view.getInt(8);
        errno = Integer.toUnsignedLong(view.getInt(12));
        this.payload = payload;
        this.fds = List.copyOf(fds);
    }

    int id() {
        return id;
    }

    int command() {
        return command;
    }

    long size() {
        return size;
    }

    int flags() {
        return flags;
    }

    long errno() {
        return errno;
    }

    byte[] payload() {
        return payload;
    }

    List<Fd> fds() {
        return fds;
    }

    @Override
    public String toString() {
        return "id %d command %d size %d flags 0x%x errno %d, %d descriptors"
                .formatted(id, command, size, flags, errno, fds.size());
    }

    int u16(int at) {
        return Short.toUnsignedInt(Bytes.view(payload).getShort(at));
    }

    long u32(int at) {
        return Integer.toUnsignedLong(Bytes.view(payload).getInt(at));
    }

    long u64(int at) {
        return Bytes.view(payload).getLong(at);
    }

    /** Asserts that it is a success with a payload of this length and no descriptors. */
    Message succeeded(int payloadLength) {
        return succeeded(payloadLength, 0);
    }

    Message succeeded(int payloadLength, int descriptors) {
        assertThat(flags).as("flags of %s", this).isEqualTo(REPLY);
        assertThat(errno).isZero();
        assertThat(payload).hasSize(payloadLength);
        assertThat(fds).hasSize(descriptors);
        return this;
    }

    /** Asserts that it is an error reply: a header, and nothing else. */
    void failed(int expectedErrno) {
        assertThat(flags).as("flags of %s", this).isEqualTo(ERROR_REPLY);
        assertThat(errno).isEqualTo(expectedErrno);
        assertThat(size).isEqualTo(16);
        assertThat(fds).isEmpty();
    }
}
