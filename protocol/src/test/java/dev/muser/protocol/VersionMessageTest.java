package dev.muser.protocol;

import static dev.muser.protocol.Bytes.AT;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Specification, "VFIO_USER_VERSION". */
class VersionMessageTest {
    /** What QEMU 11.1.3 sends, seen on the wire: 214 bytes with the header. */
    private static final String QEMU_JSON =
            "{\"capabilities\": {\"pgsizes\": 4096, \"max_msg_fds\": 16, \"max_dma_maps\": 65535,"
                    + " \"max_data_xfer_size\": 1048576, \"migration\": {\"max_bitmap_size\":"
                    + " 268435456, \"pgsize\": 4096}, \"write_multiple\": true}}\0";

    private static final int QEMU_MESSAGE = 214;

    private final VersionMessage version = new VersionMessage();

    @Test
    void shouldDecodeTheRequestOfQemu() throws ProtocolException {
        // id 0, command 1, size 0xd6, command; major 0, minor 0
        var fixed = Bytes.of("0000 0100 d6000000 00000000 00000000 0000 0000");
        var message = MemorySegment.ofArray(new byte[AT + QEMU_MESSAGE]);
        MemorySegment.copy(fixed, AT, message, AT, 20);
        byte[] json = QEMU_JSON.getBytes(StandardCharsets.US_ASCII);
        assertThat(json).hasSize(QEMU_MESSAGE - 20);
        MemorySegment.copy(MemorySegment.ofArray(json), 0, message, AT + 20, json.length);

        var header = new Header().wrap(message, AT);
        assertThat(header.validate(1 << 20)).isEqualTo(Header.OK);
        assertThat(header.command()).isEqualTo(Command.VERSION);
        version.wrap(message, AT + Header.SIZE, header.payloadLength());
        assertThat(version.validateRequest()).isZero();
        assertThat(version.major()).isZero();
        assertThat(version.minor()).isZero();
        assertThat(version.agreedMinor()).isZero();
        assertThat(version.jsonOffset()).isEqualTo(AT + 20);
        assertThat(version.jsonLength()).isEqualTo(194);
        assertThat(version.capabilities())
                .isEqualTo(
                        new Capabilities(
                                16,
                                1048576,
                                65535,
                                4096,
                                true,
                                null,
                                new Capabilities.Migration(4096, 268435456)));
    }

    @Test
    void shouldAnswerQemuInNoMoreThanItsOwnSize() throws ProtocolException {
        var proposed = Capabilities.decode(QEMU_JSON.getBytes(StandardCharsets.US_ASCII));
        // Whatever a server has, in the most digits.
        var most =
                new Capabilities(
                        Capabilities.MAX_MSG_FDS,
                        Long.MAX_VALUE,
                        Long.MAX_VALUE,
                        -4096,
                        true,
                        new Capabilities.TwinSocket(true, Capabilities.TwinSocket.NO_FD),
                        new Capabilities.Migration(4096, Long.MAX_VALUE));
        byte[] json = most.answer(proposed).encode();
        assertThat(Header.SIZE + VersionMessage.SIZE + json.length)
                .isLessThanOrEqualTo(QEMU_MESSAGE);
        assertThat(new String(json, StandardCharsets.US_ASCII))
                .isEqualTo(
                        "{\"capabilities\":{\"max_msg_fds\":1024,\"max_data_xfer_size\":1048576,"
                                + "\"write_multiple\":true,\"migration\":{\"pgsize\":4096}}}\0");
    }

    @Test
    void shouldEncodeMajorMinorAndText() {
        var room = Bytes.room();
        int length = VersionMessage.encode(room, AT, 0, 2, "{}\0".getBytes(StandardCharsets.UTF_8));
        Bytes.assertWritten(room, length, "0000 0200 7b7d00");
        length = VersionMessage.encode(Bytes.room(), AT, 0, 2, new byte[0]);
        assertThat(length).isEqualTo(4);
    }

    @Test
    void shouldTakeAMessageWithoutText() throws ProtocolException {
        version.wrap(Bytes.of("0000 0100"), AT, 4);
        assertThat(version.validateRequest()).isZero();
        assertThat(version.jsonLength()).isZero();
        assertThat(version.capabilities()).isEqualTo(Capabilities.DEFAULTS);
    }

    @ParameterizedTest
    @CsvSource({
        "000000, 22, 22",
        "00000000, 0, 0",
        "00000100, 0, 0",
        "00000200, 0, 22", // a reply above the proposed minor 1
        "0000ffff, 0, 22",
        "01000000, 22, 22",
        "00010000, 22, 22"
    })
    void shouldValidateTheNumbers(String hex, int request, int reply) {
        var bytes = Bytes.of(hex);
        version.wrap(bytes, AT, Bytes.length(bytes));
        assertThat(version.validateRequest()).isEqualTo(request);
        assertThat(version.validateReply(1)).isEqualTo(reply);
    }

    @Test
    void shouldAgreeOnTheSmallerMinor() {
        assertThat(version.wrap(Bytes.of("0000 0100"), AT, 4).agreedMinor()).isOne();
        assertThat(version.wrap(Bytes.of("0000 0900"), AT, 4).agreedMinor()).isEqualTo(2);
    }
}
