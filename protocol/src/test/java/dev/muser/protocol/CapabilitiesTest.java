package dev.muser.protocol;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The JSON of VERSION: protocol section 4. */
class CapabilitiesTest {
    private static final Capabilities SERVER =
            new Capabilities(
                    8,
                    1 << 20,
                    65535,
                    4096 | 2 << 20,
                    true,
                    new Capabilities.TwinSocket(true, Capabilities.TwinSocket.NO_FD),
                    new Capabilities.Migration(4096, 1 << 28));

    private static Capabilities decode(String json) throws ProtocolException {
        return Capabilities.decode((json + "\0").getBytes(StandardCharsets.UTF_8));
    }

    private static Capabilities decodeKeys(String keys) throws ProtocolException {
        return decode("{\"capabilities\":{" + keys.replace('\'', '"') + "}}");
    }

    private static void assertRefused(byte[] text, String message) {
        assertThatExceptionOfType(ProtocolException.class)
                .isThrownBy(() -> Capabilities.decode(text))
                .withMessageContaining(message)
                .satisfies(e -> assertThat(e.errno()).isEqualTo(22));
    }

    private static void assertRefused(String json, String message) {
        assertRefused((json.replace('\'', '"') + "\0").getBytes(StandardCharsets.UTF_8), message);
    }

    @Test
    void shouldTakeTheDefaultsForWhatIsAbsent() throws ProtocolException {
        var defaults = new Capabilities(1, 1048576, 65535, 4096, false, null, null);
        assertThat(Capabilities.decode(new byte[0])).isEqualTo(defaults);
        assertThat(decode("{}")).isEqualTo(defaults);
        assertThat(decodeKeys("")).isEqualTo(defaults);
        assertThat(decodeKeys("'twin_socket':{},'migration':{}"))
                .isEqualTo(
                        new Capabilities(
                                1,
                                1048576,
                                65535,
                                4096,
                                false,
                                new Capabilities.TwinSocket(false, -1),
                                new Capabilities.Migration(4096, 268435456)));
    }

    @Test
    void shouldDecodeEveryKey() throws ProtocolException {
        assertThat(
                        decodeKeys(
                                "'max_msg_fds':8,'max_data_xfer_size':4096,'max_dma_maps':3,"
                                        + "'pgsizes':18446744073709547520,'write_multiple':true,"
                                        + "'twin_socket':{'supported':true,'fd_index':0},"
                                        + "'migration':{'pgsize':8192,'max_bitmap_size':64}"))
                .isEqualTo(
                        new Capabilities(
                                8,
                                4096,
                                3,
                                -4096,
                                true,
                                new Capabilities.TwinSocket(true, 0),
                                new Capabilities.Migration(8192, 64)));
    }

    @Test
    void shouldIgnoreUnknownKeysAtAnyDepth() throws ProtocolException {
        assertThat(
                        decode(
                                """
                                {"a":[1,{"max_msg_fds":"x"}],"capabilities":{"b":{"c":[[1.5e3]]},
                                "max_msg_fds":2,"twin_socket":{"d":null,"supported":true},
                                "migration":{"e":{}}},"z":"\\u0000"}
                                """))
                .isEqualTo(
                        new Capabilities(
                                2,
                                1048576,
                                65535,
                                4096,
                                false,
                                new Capabilities.TwinSocket(true, -1),
                                new Capabilities.Migration(4096, 268435456)));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            textBlock =
                    """
                    'max_msg_fds':0              |
                    'max_msg_fds':1024           |
                    'max_msg_fds':1025           | max_msg_fds is 1025: must be 0 to 1024
                    'max_msg_fds':-1             | max_msg_fds is -1: must be 0 to
                    'max_msg_fds':4294967296     | max_msg_fds is 4294967296: must be 0 to
                    'max_msg_fds':'8'            | max_msg_fds must be an integer, is a string
                    'max_msg_fds':8.0            | max_msg_fds must be an integer, is a number with
                    'max_msg_fds':8e0            | max_msg_fds must be an integer, is a number with
                    'max_msg_fds':null           | max_msg_fds must be an integer, is null
                    'max_msg_fds':true           | max_msg_fds must be an integer, is a boolean
                    'max_msg_fds':[8]            | max_msg_fds must be an integer, is an array
                    'max_msg_fds':{}             | max_msg_fds must be an integer, is an object
                    'max_msg_fds':08             | cannot be read
                    'max_data_xfer_size':1       |
                    'max_data_xfer_size':0       | max_data_xfer_size is 0: must be above 0
                    'max_data_xfer_size':9223372036854775807  |
                    'max_data_xfer_size':9223372036854775808  | max_data_xfer_size is 9223372036854775808
                    'max_dma_maps':1             |
                    'max_dma_maps':0             | max_dma_maps is 0: must be above 0
                    'pgsizes':4096               |
                    'pgsizes':0                  | pgsizes is 0: must be a bitmap
                    'pgsizes':4095               | pgsizes is 4095: must be a bitmap
                    'pgsizes':4097               | pgsizes is 4097: must be a bitmap
                    'pgsizes':18446744073709551616 | pgsizes is 18446744073709551616: must be 0 to 18446744073709551615
                    'write_multiple':false       |
                    'write_multiple':1           | write_multiple must be true or false, is an integer
                    'twin_socket':true           | twin_socket must be an object, is a boolean
                    'twin_socket':{'supported':1} | twin_socket.supported must be true or false
                    'twin_socket':{'fd_index':1023} |
                    'twin_socket':{'fd_index':1024} | twin_socket.fd_index is 1024
                    'twin_socket':{'fd_index':-1} | twin_socket.fd_index is -1
                    'migration':7                | migration must be an object, is an integer
                    'migration':{'pgsize':4096}  |
                    'migration':{'pgsize':2048}  | migration.pgsize is 2048: must be a power of two
                    'migration':{'pgsize':12288} | migration.pgsize is 12288: must be a power of two
                    'migration':{'pgsize':'x'}   | migration.pgsize must be an integer, is a string
                    'migration':{'max_bitmap_size':1} |
                    'migration':{'max_bitmap_size':0} | migration.max_bitmap_size is 0: must be above 0
                    """)
    void shouldCheckEachKeyAtItsBounds(String keys, @Nullable String message)
            throws ProtocolException {
        if (message == null) {
            assertThat(decodeKeys(keys)).isNotNull();
        } else {
            assertRefused("{'capabilities':{" + keys + "}}", message);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                " ",
                "null",
                "[]",
                "7",
                "'x'",
                "{",
                "{'a'}",
                "{'a':1,}",
                "{} {}",
                "{}x",
                "{a:1}",
                "{'a':NaN}",
                "{'a':'\n'}",
                "// c\n{}",
                "\ufeff{}",
                "{'capabilities':{'max_msg_fds':1}",
                "{'a':123456789012345678901}"
            })
    void shouldRefuseWhatIsNotOneJsonObject(String json) {
        assertRefused(json, "the JSON text");
    }

    @Test
    void shouldRefuseCapabilitiesThatAreNotAnObject() {
        assertRefused("{'capabilities':[]}", "capabilities must be an object, is an array");
        assertRefused("{'capabilities':null}", "capabilities must be an object, is null");
    }

    @Test
    void shouldRefuseAKeyThatComesTwice() {
        assertRefused("{'capabilities':{},'capabilities':{}}", "uplicate");
        assertRefused("{'capabilities':{'pgsizes':4096,'pgsizes':4096}}", "uplicate");
        assertRefused("{'x':{'y':1,'y':2}}", "uplicate");
    }

    @Test
    void shouldWantExactlyOneNulAtTheEnd() {
        assertRefused("{}".getBytes(StandardCharsets.UTF_8), "must end in a NUL");
        assertRefused("{}\0\0".getBytes(StandardCharsets.UTF_8), "NUL byte at 2");
        assertRefused("{\0}\0".getBytes(StandardCharsets.UTF_8), "NUL byte at 1");
    }

    @Test
    void shouldRefuseBrokenUtf8() {
        // An overlong '/', a lone surrogate, and a lead byte at the end.
        assertRefused(new byte[] {'"', (byte) 0xc0, (byte) 0xaf, '"', 0}, "not UTF-8");
        assertRefused(new byte[] {(byte) 0xed, (byte) 0xa0, (byte) 0x80, 0}, "not UTF-8");
        assertRefused(new byte[] {'{', '}', (byte) 0xe2, 0}, "not UTF-8");
    }

    @Test
    void shouldBoundTheTextAndWhatIsInIt() throws ProtocolException {
        int most = CapabilitiesReader.MAX_TEXT;
        assertThat(decode("{}" + " ".repeat(most - 3))).isEqualTo(Capabilities.DEFAULTS);
        assertRefused("{}" + " ".repeat(most - 2), "at most 16384 taken");
        int depth = CapabilitiesReader.MAX_DEPTH - 1;
        assertThat(decode("{\"a\":" + "[".repeat(depth) + "]".repeat(depth) + "}"))
                .isEqualTo(Capabilities.DEFAULTS);
        assertRefused(
                "{'a':" + "[".repeat(depth + 1) + "]".repeat(depth + 1) + "}", "cannot be read");
        assertRefused("{'" + "k".repeat(5000) + "':1}", "cannot be read");
        assertRefused("{'max_msg_fds':" + "9".repeat(21) + "}", "cannot be read");
    }

    @Test
    void shouldEncodeWhatDiffersFromTheDefaults() throws ProtocolException {
        assertThat(text(Capabilities.DEFAULTS))
                .isEqualTo(
                        "{\"capabilities\":{\"max_msg_fds\":1,\"max_data_xfer_size\":1048576}}\0");
        var all =
                new Capabilities(
                        8,
                        4096,
                        3,
                        -4096,
                        true,
                        new Capabilities.TwinSocket(true, 0),
                        new Capabilities.Migration(8192, 64));
        assertThat(text(all))
                .isEqualTo(
                        "{'capabilities':{'max_msg_fds':8,'max_data_xfer_size':4096,"
                                        .replace('\'', '"')
                                + "'max_dma_maps':3,'pgsizes':18446744073709547520,"
                                        .replace('\'', '"')
                                + "'write_multiple':true,'twin_socket':{'supported':true,"
                                        .replace('\'', '"')
                                + "'fd_index':0},'migration':{'pgsize':8192,'max_bitmap_size':64}}}"
                                        .replace('\'', '"')
                                + "\0");
        assertThat(Capabilities.decode(all.encode())).isEqualTo(all);
        assertThat(Capabilities.decode(SERVER.encode())).isEqualTo(SERVER);
    }

    private static String text(Capabilities capabilities) {
        return new String(capabilities.encode(), StandardCharsets.UTF_8);
    }

    @Test
    void shouldAnswerAClientThatSaysNothingWithLittle() throws ProtocolException {
        assertThat(SERVER.answer(Capabilities.DEFAULTS))
                .isEqualTo(new Capabilities(8, 1 << 20, 65535, 4096, false, null, null));
    }

    @Test
    void shouldAnswerWithWhatBothCanDo() throws ProtocolException {
        var client =
                decodeKeys(
                        "'max_msg_fds':16,'max_data_xfer_size':65536,'max_dma_maps':100,"
                                + "'pgsizes':2097152,'write_multiple':true,"
                                + "'twin_socket':{'supported':true},"
                                + "'migration':{'pgsize':4096,'max_bitmap_size':1024}");
        assertThat(SERVER.answer(client))
                .isEqualTo(
                        new Capabilities(
                                8,
                                65536,
                                100,
                                2 << 20,
                                true,
                                new Capabilities.TwinSocket(true, 0),
                                new Capabilities.Migration(4096, 1024)));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "'max_msg_fds':1",
                "'max_msg_fds':1,'twin_socket':{}",
                "'max_msg_fds':1,'twin_socket':{'supported':false}",
                "'max_msg_fds':0,'twin_socket':{'supported':true}"
            })
    void shouldGiveNoTwinSocketUnlessItIsOfferedAndCanBeSent(String keys) throws ProtocolException {
        assertThat(SERVER.answer(decodeKeys(keys)).twinSocket()).isNull();
    }

    @Test
    void shouldRefuseAClientWithOtherPageSizes() {
        assertThatExceptionOfType(ProtocolException.class)
                .isThrownBy(() -> SERVER.answer(decodeKeys("'pgsizes':65536")))
                .withMessageContaining("no page size in common");
        assertThatExceptionOfType(ProtocolException.class)
                .isThrownBy(() -> SERVER.answer(decodeKeys("'migration':{'pgsize':65536}")))
                .withMessageContaining("this server logs pages of 4096");
    }

    @Test
    void shouldRefuseASideThatWouldSayNonsense() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Capabilities(1025, 1, 1, 4096, false, null, null))
                .withMessage("max_msg_fds is 1025: must be 0 to 1024");
    }
}
