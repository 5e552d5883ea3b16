package dev.muser.testkit.hostile;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.linux.Fd;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;

/**
 * A message from the server.
 *
 * @param bytes header and payload
 * @param fds what came with it; closed with the client
 */
@SuppressWarnings("ArrayRecordComponent") // nobody compares them
record Reply(byte[] bytes, List<Fd> fds) {
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

    boolean isError() {
        return (flags() & 0x20) != 0;
    }

    int length() {
        return bytes.length - Requests.HEADER;
    }

    long u32(int at) {
        return Integer.toUnsignedLong(view().getInt(Requests.HEADER + at));
    }

    long u64(int at) {
        return view().getLong(Requests.HEADER + at);
    }

    byte[] payload(int from) {
        return Arrays.copyOfRange(bytes, Requests.HEADER + from, bytes.length);
    }

    private ByteBuffer view() {
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** Asserts that it is a success with a payload of this length. */
    Reply succeeded(int payloadLength) {
        assertThat(flags()).as("flags of %s", this).isEqualTo(Requests.REPLY);
        assertThat(errno()).as("errno of %s", this).isZero();
        assertThat(length()).as("payload of %s", this).isEqualTo(payloadLength);
        return this;
    }

    /** Asserts that it is an error reply: a header, and nothing else. */
    Reply failed(int errno) {
        assertThat(flags()).as("flags of %s", this).isEqualTo(Requests.ERROR_REPLY);
        assertThat(errno()).as("errno of %s", this).isEqualTo(errno);
        assertThat(length()).isZero();
        assertThat(fds).isEmpty();
        return this;
    }

    @Override
    public String toString() {
        return "id %d command %d flags 0x%x errno %d, %d bytes, %d descriptors"
                .formatted(id(), command(), flags(), errno(), length(), fds.size());
    }
}
