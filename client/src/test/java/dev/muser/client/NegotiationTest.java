package dev.muser.client;

import static dev.muser.client.FakeServer.REPLY;
import static dev.muser.client.FakeServer.VERSION;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.muser.device.VfioException;
import dev.muser.linux.Errno;
import dev.muser.linux.EventFd;
import dev.muser.linux.Poll;
import dev.muser.linux.SyscallException;
import dev.muser.linux.UnixListener;
import dev.muser.linux.UnixSocket;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NegotiationTest {
    private static final ClientOptions TWIN = ClientOptions.DEFAULTS.withTwinSocket(true);

    @Test
    void shouldOfferWhatTheOptionsSayAsGoldenBytes() {
        var options =
                ClientOptions.DEFAULTS
                        .withMaxDescriptors(3)
                        .withMaxTransfer(8192)
                        .withTwinSocket(true)
                        .withWriteMultiple(true);
        var json =
                "{\"capabilities\":{\"max_msg_fds\":3,\"max_data_xfer_size\":8192,"
                        + "\"write_multiple\":true,\"twin_socket\":{\"supported\":true}}}";
        var expected =
                Bytes.of()
                        .header(1, VERSION, 4 + json.length() + 1, 0, 0)
                        .u16(0)
                        .u16(2)
                        .text(json)
                        .array();
        try (var server =
                FakeServer.start(s -> {
                    var message = s.expect(VERSION);
                    assertThat(message.bytes()).isEqualTo(expected);
                    s.reply(message, Bytes.of().u16(0).u16(0).array());
                    s.answerInfo();
                })) {
            server.connect(options).close();
            server.finish();
        }
    }

    @Test
    void shouldTakeTheSpecificationsDefaultsWhenTheServerSaysNothing() {
        try (var server =
                        FakeServer.start(s -> {
                            s.reply(s.expect(VERSION), Bytes.of().u16(0).u16(1).array());
                            s.answerInfo();
                        });
                var device = server.connect()) {
            assertThat(device.limits())
                    .isEqualTo(new Limits(1, 1, 1 << 20, 65535, 4096, false, false));
            server.finish();
        }
    }

    @Test
    void shouldKeepToTheSmallerTransferSizeOfBoth() {
        try (var server =
                        FakeServer.negotiated(
                                "\"max_data_xfer_size\":65536,\"max_msg_fds\":8", s -> {});
                var device = server.connect(ClientOptions.DEFAULTS.withMaxTransfer(4096))) {
            assertThat(device.limits().maxTransfer()).isEqualTo(4096);
            assertThat(device.limits().maxDescriptors()).isEqualTo(8);
            server.finish();
        }
    }

    @Test
    void shouldSayWhenTheServerRefusesTheVersion() {
        try (var server = FakeServer.start(s -> s.error(s.expect(VERSION), Errno.EINVAL))) {
            assertThatThrownBy(server::connect)
                    .isInstanceOfSatisfying(
                            VfioException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EINVAL))
                    .hasMessage("VERSION: EINVAL");
            server.finish();
        }
    }

    @Test
    void shouldRefuseAnotherMajorVersion() {
        assertRefused(Bytes.of().u16(1).u16(0).array(), "it speaks version 1.0");
    }

    @Test
    void shouldRefuseAMinorVersionAboveItsOwn() {
        assertRefused(Bytes.of().u16(0).u16(3).array(), "it speaks version 0.3");
    }

    @Test
    void shouldRefuseAReplyWithoutVersion() {
        assertRefused(Bytes.of().u16(0).array(), "2 bytes of payload");
    }

    @Test
    void shouldRefuseBrokenJson() {
        assertRefused(Bytes.of().u16(0).u16(0).text("{\"capabilities\":{").array(), "JSON");
    }

    @Test
    void shouldRefuseATwinSocketWithoutDescriptor() {
        assertRefused(
                Bytes.of().u16(0).u16(0).text(twin(0)).array(),
                "twin_socket.fd_index 0, but 0 descriptors came");
    }

    private static void assertRefused(byte[] payload, String why) {
        try (var server = FakeServer.start(s -> s.reply(s.expect(VERSION), payload))) {
            assertThatThrownBy(() -> server.connect(TWIN))
                    .isInstanceOf(DisconnectedException.class)
                    .hasMessageContaining(why);
            server.finish();
        }
    }

    @Test
    void shouldRefuseATwinSocketThatIsNone() {
        OpenDescriptors.assertNoneLeak(() -> {
            try (var eventFd = EventFd.create();
                    var server =
                            FakeServer.start(s ->
                                    s.reply(
                                            s.expect(VERSION),
                                            Bytes.of().u16(0).u16(0).text(twin(0)).array(),
                                            List.of(eventFd)))) {
                assertThatThrownBy(() -> server.connect(TWIN))
                        .isInstanceOf(DisconnectedException.class)
                        .hasMessageContaining("twin socket");
                server.finish();
            }
        });
    }

    @Test
    void shouldIgnoreATwinSocketThatItDidNotOffer() {
        OpenDescriptors.assertNoneLeak(() -> {
            var pair = UnixSocket.pair();
            try (var mine = pair[0];
                    var theirs = pair[1];
                    var server =
                            FakeServer.start(s ->
                                    s.negotiate(
                                            "\"twin_socket\":{\"supported\":true,"
                                                    + "\"fd_index\":0}",
                                            List.of(theirs.fd())));
                    var device = server.connect()) {
                assertThat(mine.fd().isOpen()).isTrue();
                assertThat(device.limits().twinSocket()).isFalse();
                assertThat(device.descriptors()).hasSize(1);
                server.finish();
            }
        });
    }

    private static String twin(int index) {
        return "{\"capabilities\":{\"twin_socket\":{\"supported\":true,\"fd_index\":%d}}}"
                .formatted(index);
    }

    @Test
    void shouldGiveUpOnASilentServer() {
        try (var server = FakeServer.start(s -> s.expect(VERSION))) {
            assertThatThrownBy(() ->
                            server.connect(
                                    ClientOptions.DEFAULTS.withTimeout(Duration.ofMillis(50))))
                    .isInstanceOf(DisconnectedException.class)
                    .hasMessageContaining("no reply within 50 ms, during VERSION");
            server.finish();
        }
    }

    @Test
    void shouldSayThatNobodyListens(@TempDir Path folder) {
        var path = folder.resolve("absent.sock");
        assertThatThrownBy(() -> RemoteDevice.connect(path))
                .isInstanceOf(SyscallException.class)
                .hasMessageContaining(path.toString())
                .hasMessageContaining("ENOENT");
    }

    @Test
    void shouldWaitForTheSocketToAppear(@TempDir Path folder) {
        var path = folder.resolve("late.sock");
        var late =
                Thread.ofPlatform()
                        .start(() -> {
                            LockSupport.parkNanos(50_000_000);
                            try (var listener = UnixListener.bind(path, 1)) {
                                Poll.await(listener.fd(), Poll.IN, null);
                                var client = listener.accept();
                                if (client != null) {
                                    client.close();
                                }
                            }
                        });
        var options = ClientOptions.DEFAULTS.withAppearance(Duration.ofSeconds(20));
        assertThatThrownBy(() -> RemoteDevice.connect(path, options))
                .isInstanceOf(DisconnectedException.class)
                .hasMessageContaining(path.toString())
                .hasMessageContaining("the server closed the connection");
        assertThat(late).satisfies(Thread::join);
    }

    @Test
    void shouldNotWaitForAListenerThatNeverAccepts(@TempDir Path folder) {
        var path = folder.resolve("full.sock");
        try (var listener = UnixListener.bind(path, 0);
                var first = UnixSocket.connect(path)) {
            assertThat(listener.fd().isOpen() && first.fd().isOpen()).isTrue();
            var options = ClientOptions.DEFAULTS.withTimeout(Duration.ofMillis(50));
            assertThatThrownBy(() -> RemoteDevice.connect(path, options))
                    .isInstanceOfSatisfying(
                            SyscallException.class,
                            e -> assertThat(e.errno()).isEqualTo(Errno.EAGAIN));
        }
    }

    @Test
    void shouldBeginANewSessionAfterDetach(@TempDir Path folder) throws InterruptedException {
        var path = folder.resolve("device.sock");
        try (var listener = UnixListener.bind(path, 4)) {
            var served =
                    Thread.ofPlatform()
                            .start(() -> {
                                for (int i = 0; i < 2; i++) {
                                    serveOne(listener);
                                }
                            });
            try (var device = RemoteDevice.connect(path)) {
                device.attach(null);
                device.reset();
                device.detach();
                assertThat(device.isConnected()).isFalse();
                assertThatThrownBy(device::reset).hasMessageContaining("closed by this client");
                device.attach(null);
                device.reset();
            }
            served.join();
        }
    }

    /** Answers VERSION, GET_INFO and RESET of the next client. */
    private static void serveOne(UnixListener listener) {
        Poll.await(listener.fd(), Poll.IN, null);
        try (var client = listener.accept();
                var helper = FakeServer.start(s -> {})) {
            for (int i = 0; i < 3 && client != null; i++) {
                var request = helper.receive(client);
                var payload =
                        switch (request.command()) {
                            case VERSION -> Bytes.of().u16(0).u16(0).array();
                            case FakeServer.GET_INFO ->
                                    Bytes.of().u32(16).u32(3).u32(9).u32(5).array();
                            default -> new byte[0];
                        };
                helper.send(client, FakeServer.replyBytes(request, payload), List.of());
            }
        }
    }

    @Test
    void shouldNotBeginASecondSessionOnASocketThatWasGivenToIt() {
        try (var server = FakeServer.negotiated(s -> {});
                var device = server.connect()) {
            device.attach(null);
            device.detach();
            assertThatThrownBy(() -> device.attach(null))
                    .isInstanceOf(DisconnectedException.class)
                    .hasMessageContaining("connect anew");
        }
    }

    @Test
    void shouldRefuseASecondAttach() {
        try (var server = FakeServer.negotiated(s -> {});
                var device = server.connect()) {
            device.attach(null);
            assertThatThrownBy(() -> device.attach(null))
                    .isInstanceOfSatisfying(
                            VfioException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EBUSY));
        }
    }

    @Test
    void shouldRefuseAReplyToAnotherCommand() {
        try (var server =
                FakeServer.start(s -> {
                    var message = s.expect(VERSION);
                    s.send(Bytes.of().header(message.id(), 9, 0, REPLY, 0).array());
                })) {
            assertThatThrownBy(server::connect)
                    .isInstanceOf(DisconnectedException.class)
                    .hasMessageContaining("reply to REGION_READ with id 1, expected VERSION");
            server.finish();
        }
    }
}
