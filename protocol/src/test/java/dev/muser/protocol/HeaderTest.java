package dev.muser.protocol;

import static dev.muser.protocol.Bytes.AT;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Specification, "Header". */
class HeaderTest {
    // id 0x1234, command 9 REGION_READ, size 32, flags 0 command
    private static final String COMMAND = "3412 0900 20000000 00000000 00000000";
    // id 0xffff, command 10, size 33, No_reply
    private static final String POSTED = "ffff 0a00 21000000 10000000 00000000";
    // size 288 = 0x120, type reply
    private static final String REPLY = "3412 0900 20010000 01000000 00000000";
    // size 16, reply | Error, EINVAL = 22
    private static final String ERROR = "3412 0900 10000000 21000000 16000000";

    @Test
    void shouldEncodeEachKind() {
        var room = Bytes.room();
        Header.encodeCommand(room, AT, 0x1234, Command.REGION_READ, 32, false);
        Bytes.assertWritten(room, 16, COMMAND);
        Header.encodeCommand(room, AT, 0xffff, Command.REGION_WRITE, 33, true);
        Bytes.assertWritten(room, 16, POSTED);
        Header.encodeReply(room, AT, 0x1234, Command.REGION_READ, 0x120);
        Bytes.assertWritten(room, 16, REPLY);
        Header.encodeError(room, AT, 0x1234, Command.REGION_READ, 22);
        Bytes.assertWritten(room, 16, ERROR);
    }

    @Test
    void shouldDecodeACommand() {
        var header = new Header().wrap(Bytes.of(COMMAND), AT);
        assertThat(header.validate(32)).isEqualTo(Header.OK);
        assertThat(header.messageId()).isEqualTo(0x1234);
        assertThat(header.command()).isEqualTo(Command.REGION_READ);
        assertThat(header.size()).isEqualTo(32);
        assertThat(header.payloadLength()).isEqualTo(16);
        assertThat(header.isCommand()).isTrue();
        assertThat(header.isReply()).isFalse();
        assertThat(header.noReply()).isFalse();
        assertThat(header.isError()).isFalse();
        assertThat(header.errno()).isZero();
    }

    @Test
    void shouldDecodeAPostedCommand() {
        var header = new Header().wrap(Bytes.of(POSTED), AT);
        assertThat(header.messageId()).isEqualTo(0xffff);
        assertThat(header.flags()).isEqualTo(0x10);
        assertThat(header.isCommand()).isTrue();
        assertThat(header.noReply()).isTrue();
    }

    @Test
    void shouldDecodeReplies() {
        var header = new Header().wrap(Bytes.of(REPLY), AT);
        assertThat(header.isReply()).isTrue();
        assertThat(header.isError()).isFalse();
        header.wrap(Bytes.of(ERROR), AT);
        assertThat(header.isReply()).isTrue();
        assertThat(header.isError()).isTrue();
        assertThat(header.errno()).isEqualTo(22);
    }

    @Test
    void shouldIgnoreErrorInACommandAndNoReplyInAReply() {
        var header = new Header().wrap(Bytes.of("0100 0900 20000000 20000000 05000000"), AT);
        assertThat(header.isError()).isFalse();
        assertThat(header.errno()).isZero();
        header.wrap(Bytes.of("0100 0900 20000000 11000000 00000000"), AT);
        assertThat(header.noReply()).isFalse();
    }

    @ParameterizedTest
    @CsvSource({
        "00000000, 22", // no number: EINVAL
        "01000000, 1",
        "00100000, 4096",
        "01100000, 22", // 4097: not an error number
        "ffffffff, 22"
    })
    void shouldReadAnErrorNumberThatSaysNothingAsEinval(String field, int errno) {
        var header = new Header().wrap(Bytes.of("0100 0900 10000000 21000000" + field), AT);
        assertThat(header.errno()).isEqualTo(errno);
    }

    @ParameterizedTest
    @CsvSource({
        "00000000, 00000000, 1", // size 0
        "0f000000, 00000000, 1",
        "10000000, 00000000, 0",
        "20001000, 00000000, 0", // 1 MiB + 32
        "21001000, 00000000, 2",
        "ffffffff, 00000000, 2",
        "10000000, 01000000, 0",
        "10000000, 02000000, 3",
        "10000000, 0f000000, 3",
        "10000000, f0ffffff, 0" // the type is in the low 4 bits only
    })
    void shouldValidateTheFraming(String size, String flags, int result) {
        var header = new Header().wrap(Bytes.of("0100 0900" + size + flags + "00000000"), AT);
        assertThat(header.validate((1 << 20) + 32)).isEqualTo(result);
    }

    @Test
    void shouldNameCommandsAndKnowWhoSendsThem() {
        assertThat(Command.name(1)).isEqualTo("VERSION");
        assertThat(Command.name(14)).isEqualTo("command 14");
        assertThat(Command.name(18)).isEqualTo("MIG_DATA_WRITE");
        for (int command = 1; command <= 18; command++) {
            boolean server = command == 11 || command == 12;
            assertThat(Command.fromServer(command)).isEqualTo(server);
            assertThat(Command.fromClient(command)).isEqualTo(!server && command != 14);
        }
        assertThat(Command.fromClient(0)).isFalse();
        assertThat(Command.fromClient(19)).isFalse();
    }
}
