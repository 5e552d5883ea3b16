package dev.muser.client;

import static dev.muser.client.FakeServer.REGION_READ;
import static dev.muser.client.FakeServer.REGION_WRITE;
import static dev.muser.client.FakeServer.REPLY;
import static dev.muser.client.FakeServer.RESET;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.muser.linux.EventFd;
import dev.muser.linux.Fd;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Servers that are broken or mean: one clear error, no leak, no hang. */
class HostileServerTest {
    private final MemorySegment buffer = Arena.ofAuto().allocate(2 << 20, 8);

    /** An answer to a REGION_READ of 4 bytes, and what the client says to it. */
    record Answer(String saying, Function<FakeServer.Message, byte[]> bytes) {
        @Override
        public String toString() {
            return saying;
        }
    }

    static List<Answer> badAnswers() {
        return List.of(
                new Answer("message of 15 bytes", m -> header(m.id(), REGION_READ, 15, REPLY)),
                new Answer("message of 0 bytes", m -> header(m.id(), REGION_READ, 0, REPLY)),
                new Answer(
                        "message of 4294967295 bytes",
                        m -> header(m.id(), REGION_READ, 0xffffffffL, REPLY)),
                new Answer(
                        "where at most 1048640 were agreed",
                        m -> header(m.id(), REGION_READ, 1048641, REPLY)),
                new Answer("message of type 2", m -> header(m.id(), REGION_READ, 16, 2)),
                new Answer(
                        "expected REGION_READ with id 3",
                        m -> header(m.id() + 1, REGION_READ, 16, REPLY)),
                new Answer(
                        "reply to REGION_WRITE with id 3, expected REGION_READ",
                        m -> header(m.id(), REGION_WRITE, 16, REPLY)),
                new Answer(
                        "does not answer region 2 offset 0x10 count 4",
                        m -> header(m.id(), REGION_READ, 16, REPLY)),
                new Answer(
                        "does not answer",
                        m -> FakeServer.replyBytes(m, FakeServer.readPayload(m, new byte[5]))),
                new Answer(
                        "does not answer",
                        m ->
                                FakeServer.replyBytes(
                                        m, Bytes.of().u64(0x10).u32(2).u32(4).u16(0).array())),
                new Answer(
                        "does not answer",
                        m ->
                                FakeServer.replyBytes(
                                        m, Bytes.of().u64(0x10).u32(3).u32(4).u32(0).array())));
    }

    private static byte[] header(int id, int command, long size, int flags) {
        return Bytes.of().u16(id).u16(command).u32(size).u32(flags).u32(0).array();
    }

    @ParameterizedTest
    @MethodSource("badAnswers")
    void shouldEndTheSessionWithOneClearError(Answer answer) {
        OpenDescriptors.assertNoneLeak(() -> {
            try (var server =
                            FakeServer.negotiated(
                                    s -> s.send(answer.bytes().apply(s.expect(REGION_READ))));
                    var device = server.connect()) {
                assertThatThrownBy(() -> device.readRegion(2, 0x10, buffer, 0, 4))
                        .isInstanceOf(DisconnectedException.class)
                        .hasMessageContaining(answer.saying());
                assertThat(device.isConnected()).isFalse();
                assertThatThrownBy(device::reset)
                        .isInstanceOf(DisconnectedException.class)
                        .hasMessageContaining(answer.saying());
                server.finish();
            }
        });
    }

    @Test
    void shouldSayThatTheConnectionWasLostInTheMiddleOfAReply() {
        try (var server =
                        FakeServer.negotiated(s -> {
                            var request = s.expect(REGION_READ);
                            s.send(Arrays.copyOf(FakeServer.replyBytes(request, new byte[20]), 30));
                            s.socket().shutdown();
                        });
                var device = server.connect()) {
            assertThatThrownBy(() -> device.readRegion(2, 0x10, buffer, 0, 4))
                    .isInstanceOf(DisconnectedException.class)
                    .hasMessageContaining(
                            "the server closed the connection, during REGION_READ region 2 offset"
                                    + " 0x10 count 4");
            server.finish();
        }
    }

    @ParameterizedTest
    @EnumSource(Waiting.class)
    void shouldTimeOutAndSayTheSameFromThenOn(Waiting waiting) {
        try (var server = FakeServer.negotiated(s -> s.expect(RESET));
                var device =
                        server.connect(
                                ClientOptions.DEFAULTS
                                        .withTimeout(Duration.ofSeconds(1))
                                        .withWaiting(waiting))) {
            var expected = "no reply within 1000 ms, during DEVICE_RESET";
            assertThatThrownBy(device::reset)
                    .isInstanceOf(DisconnectedException.class)
                    .hasMessageContaining(expected);
            assertThatThrownBy(() -> device.readRegion(0, 0, buffer, 0, 4))
                    .isInstanceOf(DisconnectedException.class)
                    .hasMessageContaining(expected);
            assertThatThrownBy(device::serve).hasMessageContaining(expected);
            assertThatThrownBy(device::descriptors).hasMessageContaining(expected);
            server.finish();
        }
    }

    @Test
    void shouldTimeOutWhileBytesTrickle() {
        try (var server =
                        FakeServer.negotiated(s -> {
                            var request = s.expect(RESET);
                            var reply = FakeServer.replyBytes(request, new byte[0]);
                            s.send(Arrays.copyOf(reply, 15));
                        });
                var device =
                        server.connect(ClientOptions.DEFAULTS.withTimeout(Duration.ofSeconds(1)))) {
            assertThatThrownBy(device::reset).hasMessageContaining("no reply within 1000 ms");
            server.finish();
        }
    }

    @Test
    void shouldTimeOutWhenTheServerTakesNoBytes() {
        try (var server = FakeServer.negotiated(s -> {});
                var device =
                        server.connect(ClientOptions.DEFAULTS.withTimeout(Duration.ofSeconds(1)))) {
            server.finish();
            assertThatThrownBy(() -> device.writeRegion(0, 0, buffer, 0, 1 << 20))
                    .isInstanceOf(DisconnectedException.class)
                    .hasMessageContaining("the server took no bytes within 1000 ms");
        }
    }

    /** Both ends have a megabyte to send, and neither reads before it is sent. */
    @Test
    void shouldReceiveAheadWhileTheSocketIsFull() {
        try (var server =
                        FakeServer.negotiated(s -> {
                            s.send(
                                    Bytes.of()
                                            .header(1, FakeServer.DMA_WRITE, 16 + (1 << 20), 0, 0)
                                            .u64(0x10000)
                                            .u64(1 << 20)
                                            .raw(new byte[1 << 20])
                                            .array());
                            var write = s.expect(REGION_WRITE);
                            assertThat(write.payload()).hasSize(16 + (1 << 20));
                            s.expect(FakeServer.DMA_WRITE);
                            s.reply(write, Arrays.copyOf(write.payload(), 16));
                        });
                var device = server.connect()) {
            device.attach(null);
            device.writeRegion(0, 0, buffer, 0, 1 << 20);
            server.finish();
        }
    }

    @Test
    void shouldCloseDescriptorsThatComeWithAReplyWhichHasNone() {
        OpenDescriptors.assertNoneLeak(() -> {
            try (var eventFd = EventFd.create();
                    var server =
                            FakeServer.negotiated(s ->
                                    s.reply(
                                            s.expect(RESET),
                                            new byte[0],
                                            List.of(eventFd, eventFd, eventFd)));
                    var device = server.connect()) {
                device.reset();
                server.finish();
            }
        });
    }

    @Test
    void shouldEndTheSessionWhenMoreDescriptorsComeThanWereOffered() {
        OpenDescriptors.assertNoneLeak(() -> {
            try (var eventFd = EventFd.create();
                    var server =
                            FakeServer.negotiated(s -> {
                                var fds = new Fd[40];
                                Arrays.fill(fds, eventFd);
                                s.reply(s.expect(RESET), new byte[0], List.of(fds));
                            });
                    var device = server.connect()) {
                assertThatThrownBy(device::reset)
                        .isInstanceOf(DisconnectedException.class)
                        .hasMessageContaining("more than was offered");
                server.finish();
            }
        });
    }

    @Test
    void shouldNotTakeAReplyThatNothingAskedFor() {
        var connected = new CompletableFuture<Boolean>();
        try (var server =
                        FakeServer.negotiated(s -> {
                            connected.join();
                            s.send(header(7, RESET, 16, REPLY));
                        });
                var device = server.connect()) {
            connected.complete(true);
            server.finish();
            assertThatThrownBy(device::serve)
                    .isInstanceOf(DisconnectedException.class)
                    .hasMessageContaining(
                            "reply to DEVICE_RESET with id 7, which nothing asked for");
        }
    }

    @Test
    void shouldNoticeBetweenCallsThatTheServerHasGone() {
        try (var server = FakeServer.negotiated(s -> s.socket().shutdown());
                var device = server.connect()) {
            server.finish();
            assertThatThrownBy(device::serve)
                    .isInstanceOf(DisconnectedException.class)
                    .hasMessageContaining("the server closed the connection");
            assertThat(device.isConnected()).isFalse();
        }
    }

    @Test
    void shouldRefuseAnAbsurdNumberOfRegions() {
        try (var server =
                FakeServer.start(s -> {
                    s.reply(s.expect(FakeServer.VERSION), Bytes.of().u32(0).array());
                    s.reply(
                            s.expect(FakeServer.GET_INFO),
                            Bytes.of().u32(16).u32(3).u32(0x7fffffff).u32(5).array());
                })) {
            assertThatThrownBy(server::connect)
                    .isInstanceOf(DisconnectedException.class)
                    .hasMessageContaining("more than 256 indexes");
            server.finish();
        }
    }

    /** A reply split at each of its bytes, with a pause that lets the client see the first part. */
    @ParameterizedTest
    @EnumSource(Waiting.class)
    void shouldTakeRepliesSplitAnywhere(Waiting waiting) {
        int length = 16 + 16 + 8;
        try (var server =
                        FakeServer.negotiated(s -> {
                            for (int at = 1; at < length; at++) {
                                var request = s.expect(REGION_READ);
                                var data = Bytes.of().u64(0x0102030405060708L + at).array();
                                var reply =
                                        FakeServer.replyBytes(
                                                request, FakeServer.readPayload(request, data));
                                assertThat(reply).hasSize(length);
                                s.send(Arrays.copyOf(reply, at));
                                LockSupport.parkNanos(100_000);
                                s.send(Arrays.copyOfRange(reply, at, length));
                            }
                        });
                var device = server.connect(ClientOptions.DEFAULTS.withWaiting(waiting))) {
            for (int at = 1; at < length; at++) {
                device.readRegion(0, 8, buffer, 0, 8);
                assertThat(buffer.get(ValueLayout.JAVA_LONG, 0))
                        .isEqualTo(0x0102030405060708L + at);
            }
            server.finish();
        }
    }

    @Test
    void shouldTakeTheLargestReply() {
        var data = new byte[1 << 20];
        new Random(1).nextBytes(data);
        try (var server = FakeServer.negotiated(s -> s.replyRead(s.expect(REGION_READ), data));
                var device = server.connect()) {
            device.readRegion(0, 0, buffer, 0, 1 << 20);
            server.finish();
            assertThat(buffer.asSlice(0, 1 << 20).toArray(ValueLayout.JAVA_BYTE)).isEqualTo(data);
        }
    }
}
