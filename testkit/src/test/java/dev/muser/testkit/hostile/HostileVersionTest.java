package dev.muser.testkit.hostile;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import dev.muser.linux.Errno;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What can be wrong with the first message (vfio-user, VFIO_USER_VERSION). */
final class HostileVersionTest extends HostileTest {
    private static byte[] numbers() {
        return Bytes.of().u16(0).u16(1).get();
    }

    private static byte[] capability(String key, String value) {
        return Requests.version(0, 1, "{\"capabilities\":{\"%s\":%s}}".formatted(key, value));
    }

    private static byte[] text(String json) {
        return Requests.version(0, 1, json);
    }

    static Stream<Arguments> refused() {
        return Stream.of(
                arguments("nothing", new byte[0]),
                arguments("three bytes", new byte[3]),
                arguments("an empty text without NUL", Bytes.of().raw(numbers()).text("{}").get()),
                arguments("only a NUL", Bytes.of().raw(numbers()).u8(0).get()),
                arguments("no JSON", text("not JSON")),
                arguments("no object", text("[]")),
                arguments("half of it", text("{\"capabilities\":{\"max_msg_fds\":")),
                arguments("a NUL inside", text("{\"capabilities\":\0{}}")),
                arguments("a NUL behind", text("{}\0")),
                arguments("two documents", text("{}{}")),
                arguments(
                        "nested 10,000 deep",
                        text("{\"x\":" + "[".repeat(10_000) + "]".repeat(10_000) + "}")),
                arguments("nested and never closed", text("[".repeat(10_000))),
                arguments(
                        "objects 10,000 deep",
                        text("{\"a\":".repeat(10_000) + "1" + "}".repeat(10_000))),
                arguments("a megabyte", text("{\"x\":\"" + "y".repeat(1_000_000) + "\"}")),
                arguments("the same key twice", text("{\"capabilities\":{},\"capabilities\":{}}")),
                arguments("negative", capability("max_msg_fds", "-1")),
                arguments(
                        "very negative", capability("max_data_xfer_size", "-9223372036854775808")),
                arguments("fractional", capability("max_data_xfer_size", "4096.5")),
                arguments("exponent", capability("max_data_xfer_size", "1e6")),
                arguments("a string", capability("max_data_xfer_size", "\"4096\"")),
                arguments("null", capability("max_data_xfer_size", "null")),
                arguments("an object", capability("max_msg_fds", "{}")),
                arguments("above 2^31", capability("max_msg_fds", "2147483648")),
                arguments("2^64", capability("max_data_xfer_size", "18446744073709551616")),
                arguments("1,000 digits", capability("max_data_xfer_size", "9".repeat(1000))),
                arguments("exponent 10^9", capability("max_data_xfer_size", "1e999999999")),
                arguments("not a number", capability("max_data_xfer_size", "NaN")),
                arguments("descriptors above 1024", capability("max_msg_fds", "1025")),
                arguments("no data at all", capability("max_data_xfer_size", "0")),
                arguments("no mappings at all", capability("max_dma_maps", "0")),
                arguments("no page size", capability("pgsizes", "0")),
                arguments("pages of a byte", capability("pgsizes", "1")),
                arguments("no migration page", capability("migration", "{\"pgsize\":0}")),
                arguments("number for object", capability("twin_socket", "1")),
                arguments("string for boolean", capability("write_multiple", "\"true\"")),
                arguments("capabilities no object", text("{\"capabilities\":7}")),
                arguments("broken UTF-8", latin1("{\"x\":\"\u00ff\"}")),
                arguments("UTF-8 that is cut off", latin1("{\"x\":\"\u00e2\u0082\"}")),
                arguments("overlong UTF-8", latin1("{\"x\":\"\u00c0\u0080\"}")),
                arguments("a surrogate in UTF-8", latin1("{\"x\":\"\u00ed\u00a0\u0080\"}")),
                arguments("UTF-16", Bytes.of().raw(numbers()).raw(utf16()).u8(0).get()),
                arguments("major 1", Requests.version(1, 0, "{}")),
                arguments("major 65535", Requests.version(0xffff, 0, "{}")));
    }

    private static byte[] utf16() {
        return "{\0}\0".getBytes(ISO_8859_1);
    }

    /** Each character is a byte. */
    private static byte[] latin1(String json) {
        return Bytes.of().raw(numbers()).raw(json.getBytes(ISO_8859_1)).u8(0).get();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("refused")
    void shouldRefuseItAndClose(String what, byte[] payload) {
        try (var client = HostileClient.connect(socket)) {
            client.ask(Requests.VERSION, payload).failed(Errno.EINVAL);
            client.expectEnd();
        }
    }

    static Stream<Arguments> taken() {
        return Stream.of(
                arguments("no JSON at all", numbers()),
                arguments("an empty object", text("{}")),
                arguments("no capabilities", text("{\"capabilities\":{}}")),
                arguments(
                        "unknown keys",
                        text("{\"a\":[1,{\"b\":null}],\"capabilities\":{\"c\":1}}")),
                arguments("an unknown huge number", text("{\"x\":18446744073709551615}")),
                arguments("keys in UTF-8", text("{\"\u00e9\u20ac\":\"\u00e9\"}")),
                arguments("no descriptors", capability("max_msg_fds", "0")),
                arguments("one byte of data", capability("max_data_xfer_size", "1")),
                arguments("2^63 - 1", capability("max_data_xfer_size", "9223372036854775807")),
                arguments("a thousand keys", text(keys(1000))),
                arguments("minor 65535", Requests.version(0, 0xffff, "{}")));
    }

    private static String keys(int count) {
        var text = new StringBuilder("{\"k\":0");
        for (int i = 0; i < count; i++) {
            text.append(",\"k").append(i).append("\":").append(i);
        }
        return text.append('}').toString();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("taken")
    void shouldTakeIt(String what, byte[] payload) {
        try (var client = HostileClient.connect(socket)) {
            var reply = client.ask(Requests.VERSION, payload);
            assertThat(reply.flags()).as("flags of %s", reply).isEqualTo(Requests.REPLY);
            assertThat(reply.fds()).isEmpty();
            client.expectServed();
        }
    }

    @Test
    void shouldSendNoDescriptorsToAClientThatTakesNone() {
        var client = connect();
        client.ask(Requests.VERSION, capability("max_msg_fds", "0"));
        var info = client.ask(Requests.GET_REGION_INFO, Requests.regionInfo(4096, 2));
        assertThat(info.flags()).isEqualTo(Requests.REPLY);
        assertThat(info.fds()).isEmpty();
    }

    /** Names and texts of one client do not stay: {@link HostileTest} looks at the heap. */
    @Test
    void shouldKeepNothingOfThousandsOfTexts() {
        for (int i = 0; i < 2000; i++) {
            try (var client = HostileClient.connect(socket)) {
                var json = "{\"key-%d-%s\":\"%s\"}".formatted(i, "k".repeat(900), "v".repeat(1000));
                client.ask(Requests.VERSION, text(json));
            }
        }
    }
}
