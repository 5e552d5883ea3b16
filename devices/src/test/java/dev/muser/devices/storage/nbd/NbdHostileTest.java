package dev.muser.devices.storage.nbd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.muser.devices.storage.StorageException;
import dev.muser.devices.storage.nbd.FakeServer.Handler;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** Servers that are broken, or lie: the connection ends, and no request is done wrongly. */
final class NbdHostileTest extends NbdFixture {
    private static final Map<String, Handler> LIES =
            Map.ofEntries(
                    Map.entry("a bad magic", (s, r) -> s.out.writeLong(0x1234)),
                    Map.entry("an unknown cookie", (s, r) -> s.simple(r.cookie() + 65_536, 0)),
                    Map.entry("another index", (s, r) -> s.simple(r.cookie() + 1, 0)),
                    Map.entry("a cookie of ones", (s, r) -> s.none(cookie(r, -1))),
                    Map.entry("a simple reply", (s, r) -> s.simple(r.cookie(), 0, new byte[4096])),
                    Map.entry("no data", (s, r) -> s.none(r)),
                    Map.entry(
                            "half of the data", (s, r) -> s.data(r, 1, r.offset(), new byte[2048])),
                    Map.entry(
                            "a gap",
                            (s, r) -> {
                                s.data(r, 0, r.offset(), new byte[2048]);
                                s.data(r, 1, r.offset() + 2049, new byte[2047]);
                            }),
                    Map.entry(
                            "data twice",
                            (s, r) -> {
                                s.data(r, 0, r.offset(), new byte[4096]);
                                s.data(r, 1, r.offset(), new byte[4096]);
                            }),
                    Map.entry(
                            "a hole over data",
                            (s, r) -> {
                                s.data(r, 0, r.offset(), new byte[4096]);
                                s.hole(r, 1, r.offset() + 4095, 1);
                            }),
                    Map.entry(
                            "data before the range",
                            (s, r) -> s.data(r, 1, r.offset() - 1, new byte[4096])),
                    Map.entry(
                            "data behind the range",
                            (s, r) -> s.data(r, 1, r.offset() + 1, new byte[4096])),
                    Map.entry(
                            "data at an offset that overflows",
                            (s, r) -> s.data(r, 1, Long.MAX_VALUE - 100, new byte[4096])),
                    Map.entry(
                            "data at a negative offset",
                            (s, r) -> s.data(r, 1, -4096, new byte[4096])),
                    Map.entry("an enormous hole", (s, r) -> s.hole(r, 1, r.offset(), -1)),
                    Map.entry("an empty hole", (s, r) -> s.hole(r, 0, r.offset(), 0)),
                    Map.entry("empty data", (s, r) -> s.data(r, 0, r.offset())),
                    Map.entry("a short hole", (s, r) -> s.chunk(r.cookie(), 0, 2, new byte[11])),
                    Map.entry("an end with data", (s, r) -> s.chunk(r.cookie(), 1, 0, (byte) 1)),
                    Map.entry("an end that is none", (s, r) -> s.chunk(r.cookie(), 0, 0)),
                    Map.entry("block status", (s, r) -> s.chunk(r.cookie(), 1, 5, new byte[12])),
                    Map.entry("error 0", (s, r) -> s.error(r, 1, 0, "")),
                    Map.entry(
                            "a short error", (s, r) -> s.chunk(r.cookie(), 1, 0x8001, new byte[5])),
                    Map.entry(
                            "an error's message beyond its chunk",
                            (s, r) ->
                                    s.chunk(
                                            r.cookie(),
                                            1,
                                            0x8001,
                                            new byte[] {0, 0, 0, 5, 0, 9, 'x', 'x'})),
                    Map.entry(
                            "an error outside of the range",
                            (s, r) ->
                                    s.chunk(
                                            r.cookie(),
                                            1,
                                            0x8002,
                                            ByteBuffer.allocate(14).putInt(5).array())),
                    Map.entry(
                            "a chunk of 4 GiB",
                            (s, r) -> {
                                s.out.writeInt(0x668e33ef);
                                s.out.writeInt(1);
                                s.out.writeLong(r.cookie());
                                s.out.writeInt(-1);
                                s.out.writeLong(r.offset());
                            }),
                    Map.entry(
                            "an error of 4 GiB",
                            (s, r) -> {
                                s.out.writeInt(0x668e33ef);
                                s.out.writeInt(0x18001);
                                s.out.writeLong(r.cookie());
                                s.out.writeInt(-1);
                            }),
                    Map.entry(
                            "chunks without end, of a byte each",
                            (s, r) -> {
                                for (int at = 0; at < 4096; at += 2) {
                                    s.data(r, 0, r.offset() + at, (byte) 1);
                                }
                            }));

    private static FakeSession.Request cookie(FakeSession.Request r, long cookie) {
        return new FakeSession.Request(
                r.flags(), r.type(), cookie, r.offset(), r.length(), r.data());
    }

    @TestFactory
    Stream<DynamicTest> shouldEndAConnectionThatTells() {
        return LIES.entrySet().stream()
                .map(lie ->
                        DynamicTest.dynamicTest(
                                lie.getKey(), () -> shouldEndItAndAskAgain(lie.getValue())));
    }

    private void shouldEndItAndAskAgain(Handler lie) throws IOException {
        int before = server.connections();
        server.handler =
                (session, request) -> {
                    if (session.number > before) {
                        server.handle(session, request);
                    } else {
                        lie.handle(session, request);
                    }
                };
        var storage = open();
        shouldRead(storage, 8192, 4096);
        assertThat(server.connections()).isEqualTo(before + 2);
    }

    @Test
    void shouldEndAConnectionThatRepliesTwice() throws IOException {
        var storage = open();
        server.handler =
                (session, request) -> {
                    server.handle(session, request);
                    if (session.number == 0) {
                        session.none(request);
                    }
                };
        shouldRead(storage, 0, 512);
        loop.runUntil(() -> server.connections() == 2);
        shouldRead(storage, 0, 512);
    }

    @Test
    void shouldSurviveRandomBytes() throws IOException {
        long seed = System.nanoTime();
        var random = new Random(seed);
        var storage = open(OPTIONS.withReconnectTime(Duration.ofSeconds(20)));
        server.handler =
                (session, request) -> {
                    if (session.number < 3) {
                        var noise = new byte[4096];
                        random.nextBytes(noise);
                        session.out.write(noise);
                        session.close();
                    }
                    server.handle(session, request);
                };
        shouldRead(storage, 4096, 4096);
    }

    // --- Handshakes

    private void shouldRefuse(String what) throws IOException {
        var uri = server.uri();
        assertThatThrownBy(() -> NbdStorage.open(uri, OPTIONS))
                .isInstanceOf(StorageException.class)
                .hasMessageContaining(uri)
                .hasMessageContaining(what)
                .hasMessageNotContaining("\n");
    }

    @Test
    void shouldRefuseWhatIsNoServer() throws IOException {
        server.script = session -> session.out.write(new byte[32]);
        shouldRefuse("no NBD server");
        server.script = session -> {};
        shouldRefuse("closed the connection");
        server.script =
                session -> {
                    session.out.writeLong(0x4e42444d41474943L);
                    session.out.writeLong(0x00420281861253L);
                };
        shouldRefuse("old protocol");
        server.stop();
        shouldRefuse("nobody listens there");
    }

    @Test
    void shouldRefuseAServerThatDoesNotAnswer() throws IOException {
        server.script = session -> session.in.readAllBytes();
        var uri = server.uri();
        assertThatThrownBy(
                        () -> NbdStorage.open(uri, OPTIONS.withConnectTime(Duration.ofMillis(100))))
                .isInstanceOf(StorageException.class)
                .hasMessageContaining("no answer within 100 ms");
    }

    @Test
    void shouldSayThatTlsIsDemanded() throws IOException {
        server.script =
                session -> {
                    session.greet(3);
                    while (true) {
                        session.optionReply(session.option(), 0x80000005);
                    }
                };
        shouldRefuse("the server demands TLS, which is not supported");
    }

    @Test
    void shouldSayThatThereIsNoSuchExport() throws IOException {
        server.script =
                session -> {
                    session.greet(3);
                    session.optionReply(session.option(), 1);
                    session.optionReply(session.option(), 0x80000006, (byte) 'a', (byte) '\n');
                    session.option();
                };
        shouldRefuse("no export '' (it says: a?)");
        server.script =
                session -> {
                    session.greet(0);
                    session.option();
                };
        shouldRefuse("is there an export ''?");
    }

    @Test
    void shouldRefuseOptionRepliesThatDoNotEnd() throws IOException {
        server.script =
                session -> {
                    session.greet(3);
                    session.optionReply(session.option(), 1);
                    session.option();
                    while (true) {
                        session.optionReply(7, 3, (byte) 0, (byte) 99);
                    }
                };
        shouldRefuse("do not end");
    }

    @Test
    void shouldRefuseMalformedOptionReplies() throws IOException {
        shouldRefuseInfo(new byte[1], "malformed");
        shouldRefuseInfo(new byte[11], "malformed");
        shouldRefuseInfo(new byte[13], "malformed");
        shouldRefuseInfo(ByteBuffer.allocate(14).putShort((short) 3).array(), "blocks are of 0");
        shouldRefuseInfo(blocks(513, 4096), "blocks are of 513");
        shouldRefuseInfo(blocks(512, 256), "blocks are of 512 to 256");
        shouldRefuseInfo(blocks(65_536, 1 << 20), "at most 4096");
        shouldRefuseInfo(ByteBuffer.allocate(12).putShort((short) 0).putLong(-1).array(), "bytes");
        server.script =
                session -> {
                    session.greet(3);
                    session.option();
                    session.out.writeLong(0x3e889045565a9L);
                    session.out.writeInt(8);
                    session.out.writeInt(1);
                    session.out.writeInt(Integer.MAX_VALUE);
                };
        shouldRefuse("2147483647 bytes");
    }

    private static byte[] blocks(int minimum, int maximum) {
        return ByteBuffer.allocate(14)
                .putShort((short) 3)
                .putInt(minimum)
                .putInt(minimum)
                .putInt(maximum)
                .array();
    }

    private void shouldRefuseInfo(byte[] info, String what) throws IOException {
        server.script =
                session -> {
                    session.greet(3);
                    session.optionReply(session.option(), 1);
                    session.option();
                    session.optionReply(7, 3, server.exportInfo());
                    session.optionReply(7, 3, info);
                    session.optionReply(7, 1);
                };
        shouldRefuse(what);
    }

    @Test
    void shouldRefuseAServerThatDoesNotDescribeTheExport() throws IOException {
        server.script =
                session -> {
                    session.greet(3);
                    session.optionReply(session.option(), 1);
                    session.optionReply(session.option(), 1);
                };
        shouldRefuse("does not say how large");
    }
}
