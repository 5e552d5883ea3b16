package dev.muser.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.device.ClientKind;
import dev.muser.device.VfioException;
import dev.muser.linux.Errno;
import dev.muser.linux.UnixSocket;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class VersionTest extends ServerTest {
    /** What QEMU 11.1 sends: 214 bytes with the header. */
    private static final String QEMU =
            "{\"capabilities\": {\"pgsizes\": 4096, \"max_msg_fds\": 16, \"max_dma_maps\": 65535,"
                    + " \"max_data_xfer_size\": 1048576, \"migration\": {\"max_bitmap_size\":"
                    + " 268435456, \"pgsize\": 4096}, \"write_multiple\": true}}";

    private static String json(Message reply) {
        int length = reply.payload().length - 5;
        assertThat(reply.payload()[reply.payload().length - 1]).as("terminating NUL").isZero();
        return new String(reply.payload(), 4, length, StandardCharsets.UTF_8);
    }

    @Test
    void shouldTellTheDeviceOfAVirtualMachine() {
        connect().ask(RawClient.VERSION, RawClient.version(0, 0, QEMU));
        assertThat(device.kind).isEqualTo(ClientKind.VIRTUAL_MACHINE);
    }

    @Test
    void shouldTellTheDeviceOfADriver() {
        connect().ask(RawClient.VERSION, RawClient.version(0, 1, "{}"));
        assertThat(device.kind).isEqualTo(ClientKind.DRIVER);
    }

    @Test
    void shouldAnswerQemuWithinTheRoomOfItsRequest() {
        device.migration = new FakeMigration();
        var client = connect();
        byte[] request = RawClient.version(0, 0, QEMU);
        assertThat(request).hasSize(214 - 16);
        var reply = client.ask(RawClient.VERSION, request);
        assertThat(reply.size()).isLessThanOrEqualTo(214);
        assertThat(reply.u16(0)).isZero();
        assertThat(reply.u16(2)).isZero();
        assertThat(json(reply))
                .contains("\"max_msg_fds\":16")
                .contains("\"max_data_xfer_size\":1048576")
                .contains("\"write_multiple\":true")
                .contains("\"migration\":{\"pgsize\":4096}")
                .doesNotContain("twin_socket");
        assertThat(reply.fds()).isEmpty();
        client.expectServed();
    }

    @Test
    void shouldNotSpeakOfMigrationForADeviceWithoutIt() {
        assertThat(json(connect().ask(RawClient.VERSION, RawClient.version(0, 0, QEMU))))
                .doesNotContain("migration");
    }

    @Test
    void shouldSayHowManyMappingsTheDeviceTakesIfTheyAreFewerThanClientsAssume() {
        try (var first = connect()) {
            assertThat(json(first.ask(RawClient.VERSION, RawClient.version(0, 0, QEMU))))
                    .doesNotContain("max_dma_maps");
        }
        device.maxDmaMaps = 64;
        var reply = connect().ask(RawClient.VERSION, RawClient.version(0, 0, QEMU));
        assertThat(json(reply)).contains("\"max_dma_maps\":64");
        assertThat(reply.size()).isLessThanOrEqualTo(214);
    }

    @Test
    void shouldTakeTheTwentyBytesOfSpdk() {
        var client = connect();
        var reply = client.ask(RawClient.VERSION, Bytes.of().u16(0).u16(1).get());
        assertThat(reply.u16(2)).isEqualTo(1);
        assertThat(json(reply)).doesNotContain("write_multiple").doesNotContain("twin_socket");
        client.expectServed();
    }

    @Test
    void shouldTakeAnEmptyObject() {
        var client = connect();
        assertThat(client.negotiate("{}").flags()).isEqualTo(Message.REPLY);
        client.expectServed();
    }

    @ParameterizedTest
    @CsvSource({"0, 0", "1, 1", "2, 2", "3, 2", "65535, 2"})
    void shouldAnswerTheLesserMinor(int proposed, int expected) {
        var reply = connect().ask(RawClient.VERSION, RawClient.version(0, proposed, "{}"));
        assertThat(reply.u16(0)).isZero();
        assertThat(reply.u16(2)).isEqualTo(expected);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{",
                "[]",
                "{\"capabilities\":1}",
                "{\"capabilities\":{\"max_msg_fds\":\"8\"}}",
                "{\"capabilities\":{\"max_msg_fds\":1025}}",
                "{\"capabilities\":{\"max_msg_fds\":-1}}",
                "{\"capabilities\":{\"max_data_xfer_size\":0}}",
                "{\"capabilities\":{\"pgsizes\":1}}",
                "{\"capabilities\":{\"pgsizes\":8192}}",
                "{\"capabilities\":{\"twin_socket\":true}}",
                "{\"capabilities\":{\"migration\":4096}}"
            })
    void shouldRefuseBadCapabilitiesAndClose(String json) {
        var client = connect();
        client.ask(RawClient.VERSION, RawClient.version(0, 0, json)).failed(Errno.EINVAL);
        client.expectEnd();
        assertThat(device.calls).isEmpty();
    }

    @Test
    void shouldRefuseJsonWithoutItsNul() {
        var client = connect();
        client.ask(RawClient.VERSION, Bytes.of().u16(0).u16(0).text("{}").get())
                .failed(Errno.EINVAL);
        client.expectEnd();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 65535})
    void shouldRefuseAnotherMajorAndClose(int major) {
        var client = connect();
        client.ask(RawClient.VERSION, RawClient.version(major, 0, "{}")).failed(Errno.EINVAL);
        client.expectEnd();
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3})
    void shouldRefuseAVersionThatIsCutShort(int length) {
        var client = connect();
        client.ask(RawClient.VERSION, new byte[length]).failed(Errno.EINVAL);
        client.expectEnd();
    }

    @Test
    void shouldCloseWithoutReplyWhenDescriptorsComeWithVersion() {
        var client = connect();
        client.command(RawClient.VERSION, 0, RawClient.version(0, 0, "{}"), memory(4096));
        client.expectEnd();
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 2, 4, 9, 13, 14, 19, 65535})
    void shouldRefuseAnotherCommandFirstAndClose(int command) {
        var client = connect();
        client.ask(command, new byte[16]).failed(Errno.EINVAL);
        client.expectEnd();
        assertThat(device.calls).isEmpty();
    }

    @Test
    void shouldRefuseASecondVersionAndGoOn() {
        var client = negotiated();
        client.ask(RawClient.VERSION, RawClient.version(0, 0, "{}")).failed(Errno.EINVAL);
        client.expectServed();
    }

    @Test
    void shouldGiveATwinSocketToAClientThatOffersOne() {
        var client = connect();
        var reply =
                client.negotiate(
                        "{\"capabilities\":{\"max_msg_fds\":1,\"twin_socket\":{\"supported\":true}}}");
        assertThat(reply.fds()).hasSize(1);
        assertThat(json(reply)).contains("\"twin_socket\":{\"supported\":true,\"fd_index\":0}");
        UnixSocket.adopt(reply.fds().getFirst());
        client.expectServed();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{\"capabilities\":{\"twin_socket\":{\"supported\":false}}}",
                "{\"capabilities\":{\"twin_socket\":{}}}",
                "{\"capabilities\":{\"max_msg_fds\":0,\"twin_socket\":{\"supported\":true}}}"
            })
    void shouldGiveNoTwinSocketToOthers(String json) {
        var reply = connect().negotiate(json);
        assertThat(reply.fds()).isEmpty();
        assertThat(json(reply)).doesNotContain("twin_socket");
    }

    @Test
    void shouldGiveNoTwinSocketWhenTheServerDoesNotWantOne() {
        var client = connect(ServerOptions.DEFAULTS.withTwinSocket(false));
        var reply = client.negotiate("{\"capabilities\":{\"twin_socket\":{\"supported\":true}}}");
        assertThat(reply.fds()).isEmpty();
        assertThat(json(reply)).doesNotContain("twin_socket");
    }

    @Test
    void shouldSayWhyInOneReplyWhenTheDeviceTakesNoClient() {
        device.failOn("attach", new VfioException(Errno.EBUSY, "not now"));
        var client = connect();
        client.ask(RawClient.VERSION, RawClient.version(0, 0, "{}")).failed(Errno.EBUSY);
        client.expectEnd();
    }

    @Test
    void shouldAgreeOnTheLesserTransferSize() {
        var client = connect(ServerOptions.DEFAULTS.withMaxTransfer(8192));
        assertThat(json(client.negotiate("{\"capabilities\":{\"max_data_xfer_size\":4096}}")))
                .contains("\"max_data_xfer_size\":4096");
    }

    @Test
    void shouldAttachTheDeviceOnceAndDetachItWhenTheClientIsGone() throws Exception {
        var client = negotiated();
        client.expectServed();
        assertThat(device.calls).containsExactly("attach");
        client.close();
        while (!device.closed) {
            Thread.sleep(1);
        }
        assertThat(device.calls).containsExactly("attach", "detach");
    }
}
