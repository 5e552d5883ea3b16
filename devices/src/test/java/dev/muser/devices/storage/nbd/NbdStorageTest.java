package dev.muser.devices.storage.nbd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.groups.Tuple.tuple;

import dev.muser.devices.storage.FakeRequest;
import dev.muser.devices.storage.StorageInfo;
import dev.muser.devices.storage.nbd.FakeSession.Request;
import dev.muser.linux.Errno;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.LinkedBlockingQueue;
import org.junit.jupiter.api.Test;

/** Requests and their replies, with a server that behaves. */
final class NbdStorageTest extends NbdFixture {

    private static byte[] bytes(int count, int value) {
        var bytes = new byte[count];
        Arrays.fill(bytes, (byte) value);
        return bytes;
    }

    private void shouldReadAndWrite() throws IOException {
        var storage = open();
        shouldRead(storage, 4096, 8192);
        assertThat(run(storage, FakeRequest.write(512, bytes(1024, 7)))).isZero();
        assertThat(server.read(512, 1024)).containsOnly(7);
        shouldRead(storage, 0, 4096);
    }

    @Test
    void shouldReadAndWriteByStructuredReplies() throws IOException {
        shouldReadAndWrite();
    }

    @Test
    void shouldReadAndWriteBySimpleReplies() throws IOException {
        server.knowsStructured = false;
        shouldReadAndWrite();
    }

    @Test
    void shouldReadAndWriteOverTcp() throws IOException {
        server.close();
        server = new FakeServer(null);
        shouldReadAndWrite();
    }

    @Test
    void shouldUseAServerThatOnlyKnowsExportNames() throws IOException {
        server.knowsGo = false;
        shouldReadAndWrite();
        server.greeting = 1; // 124 bytes of zeros follow
        shouldReadAndWrite();
        server.greeting = 0; // not even options
        server.knowsStructured = false;
        shouldReadAndWrite();
    }

    @Test
    void shouldSayWhatTheServerSays() throws IOException {
        server.minimum = 512;
        assertThat(open().info())
                .isEqualTo(new StorageInfo(1 << 20, 512, false, true, true, false));
        server.flags = FakeServer.HAS_FLAGS | FakeServer.READ_ONLY;
        server.minimum = 4096;
        server.size = 10_000;
        assertThat(open().info()).isEqualTo(new StorageInfo(8192, 4096, true, false, false, false));
    }

    @Test
    void shouldKeepToSectorsWhereTheServerSaysNothing() throws IOException {
        server.tellsBlockSize = false;
        assertThat(open().info().alignment()).isEqualTo(512);
    }

    @Test
    void shouldSplitWhatIsMoreThanTheServerTakes() throws IOException {
        server.maximum = 65_536;
        var storage = open();
        shouldRead(storage, 512, 200_000);
        assertThat(run(storage, FakeRequest.write(0, bytes(300_000, 9)))).isZero();
        assertThat(server.read(0, 300_000)).containsOnly(9);
        assertThat(server.requests)
                .extracting(Request::length)
                .allMatch(length -> length <= 65_536);
    }

    @Test
    void shouldSendManyRequestsThroughFewBuffers() throws IOException {
        var storage = open(OPTIONS.withBytesUnderWay(1 << 20));
        var requests = new ArrayList<FakeRequest>();
        for (int i = 0; i < 3000; i++) {
            requests.add(
                    i % 2 == 0
                            ? FakeRequest.read((i % 250) * 4096L, 4096 + i % 3 * 40_000)
                            : FakeRequest.write(
                                    (i % 250) * 4096L, server.read((i % 250) * 4096L, 4096)));
            storage.submit(requests.getLast());
        }
        loop.runUntil(() -> requests.stream().allMatch(FakeRequest::isDone));
        for (var request : requests) {
            assertThat(request.errno()).isZero();
            assertThat(request.data())
                    .isEqualTo(server.read(request.offset(), request.data().length));
        }
    }

    @Test
    void shouldKeepWhatWasWrittenInAnyOrder() throws IOException {
        server.flags |= FakeServer.MULTI;
        var storage = open();
        long seed = System.nanoTime();
        var random = new Random(seed);
        for (int round = 0; round < 50; round++) {
            var requests = new ArrayList<FakeRequest>();
            for (int i = 0; i < 20; i++) {
                var data = new byte[1 + random.nextInt(40_000)];
                random.nextBytes(data);
                requests.add(FakeRequest.write(i * 50_000L, data));
            }
            requests.forEach(storage::submit);
            loop.runUntil(() -> requests.stream().allMatch(FakeRequest::isDone));
            for (var request : requests) {
                assertThat(request.errno()).isZero();
                var read = FakeRequest.read(request.offset(), request.data().length);
                assertThat(run(storage, read)).isZero();
                assertThat(read.data()).as("seed %d", seed).isEqualTo(request.data());
            }
        }
    }

    @Test
    void shouldPutChunksTogetherInWhateverOrderTheyCome() throws IOException {
        server.handler =
                (session, request) -> {
                    long at = request.offset();
                    session.data(request, 0, at + 3000, server.read(at + 3000, 1096));
                    session.hole(request, 0, at + 1000, 2000);
                    session.data(request, 0, at, server.read(at, 1000));
                    session.none(request);
                };
        var storage = open();
        var read = FakeRequest.read(8192, 4096);
        Arrays.fill(read.data(), (byte) 1);
        assertThat(run(storage, read)).isZero();
        var expected = server.read(8192, 4096);
        Arrays.fill(expected, 1000, 3000, (byte) 0);
        assertThat(read.data()).isEqualTo(expected);
    }

    @Test
    void shouldReceiveRepliesOfSeveralReadsMixed() throws IOException {
        var pending = new LinkedBlockingQueue<Request>();
        server.handler =
                (session, request) -> {
                    pending.add(request);
                    if (pending.size() == 3) {
                        for (int half = 1; half >= 0; half--) {
                            for (var each : pending) {
                                long at = each.offset() + half * 2048L;
                                session.data(each, 0, at, server.read(at, 2048));
                            }
                        }
                        for (var each : List.copyOf(pending).reversed()) {
                            session.none(each);
                        }
                    }
                };
        var storage = open();
        var reads =
                List.of(
                        FakeRequest.read(0, 4096),
                        FakeRequest.read(8192, 4096),
                        FakeRequest.read(4096, 4096));
        reads.forEach(storage::submit);
        loop.runUntil(() -> reads.stream().allMatch(FakeRequest::isDone));
        for (var read : reads) {
            assertThat(read.errno()).isZero();
            assertThat(read.data()).isEqualTo(server.read(read.offset(), 4096));
        }
    }

    @Test
    void shouldTellErrorsOfTheServer() throws IOException {
        var storage = open();
        server.handler = (session, request) -> session.error(request, 1, 28, "full \n disk");
        assertThat(run(storage, FakeRequest.write(0, bytes(512, 1)))).isEqualTo(Errno.ENOSPC);
        server.handler =
                (session, request) -> {
                    session.data(request, 0, request.offset(), server.read(0, 512));
                    session.chunk(
                            request.cookie(),
                            1,
                            0x8002,
                            new byte[] {0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
                };
        assertThat(run(storage, FakeRequest.read(0, 512))).isEqualTo(Errno.EIO);
        server.handler = (session, request) -> session.simple(request.cookie(), 1);
        assertThat(run(storage, FakeRequest.write(0, bytes(512, 1)))).isEqualTo(Errno.EROFS);
        server.handler = (session, request) -> session.simple(request.cookie(), 9999);
        assertThat(run(storage, FakeRequest.flush())).isEqualTo(Errno.EIO);
        assertThat(server.connections()).isEqualTo(1);
    }

    @Test
    void shouldSendFlagsAndRangesOfEachCommand() throws IOException {
        var storage = open();
        run(storage, FakeRequest.writeThrough(512, bytes(512, 1)));
        run(storage, FakeRequest.flush());
        run(storage, FakeRequest.discard(4096, 8192));
        run(storage, FakeRequest.zero(0, 4096, true));
        run(storage, FakeRequest.zero(0, 4096, false));
        assertThat(server.requests)
                .extracting(Request::type, Request::flags, Request::offset, Request::length)
                .containsExactly(
                        tuple(1, 1, 512L, 512L),
                        tuple(3, 0, 0L, 0L),
                        tuple(4, 0, 4096L, 8192L),
                        tuple(6, 0, 0L, 4096L),
                        tuple(6, 2, 0L, 4096L));
    }

    @Test
    void shouldDoWithoutWhatTheServerLacks() throws IOException {
        server.flags = FakeServer.HAS_FLAGS | FakeServer.FLUSH;
        var storage = open();
        assertThat(run(storage, FakeRequest.writeThrough(512, bytes(512, 1)))).isZero();
        assertThat(run(storage, FakeRequest.discard(0, 4096))).isZero();
        assertThat(run(storage, FakeRequest.zero(0, 4096, true))).isZero();
        assertThat(server.requests).extracting(Request::type).containsExactly(1, 3, 1);
        assertThat(server.read(0, 4096)).containsOnly(0);
    }

    @Test
    void shouldRefuseToWriteWhatIsReadOnly() throws IOException {
        server.flags |= FakeServer.READ_ONLY;
        var storage = open();
        assertThat(run(storage, FakeRequest.write(0, bytes(512, 1)))).isEqualTo(Errno.EROFS);
        assertThat(run(storage, FakeRequest.zero(0, 512, true))).isEqualTo(Errno.EROFS);
        assertThat(run(storage, FakeRequest.discard(0, 512))).isEqualTo(Errno.EROFS);
        assertThat(server.requests).isEmpty();
        shouldRead(storage, 0, 512);
    }

    @Test
    void shouldUseSeveralConnectionsWhereTheServerCan() throws IOException {
        var busy = new LinkedBlockingQueue<Request>();
        server.flags |= FakeServer.MULTI;
        server.handler =
                (session, request) -> {
                    busy.add(request);
                    while (busy.size() < 4) { // until all four are there at the same time
                        Thread.onSpinWait();
                    }
                    server.handle(session, request);
                };
        var storage = open();
        loop.runUntil(() -> server.connections() == 4);
        var reads = new ArrayList<FakeRequest>();
        loop.runUntil(() -> {
            reads.add(FakeRequest.read(0, 512));
            storage.submit(reads.getLast());
            return busy.size() >= 4;
        });
        loop.runUntil(() -> reads.stream().allMatch(FakeRequest::isDone));
        assertThat(reads).allMatch(read -> read.errno() == 0);
    }

    @Test
    void shouldUseOneConnectionWhereTheServerCannot() throws IOException {
        shouldRead(open(), 0, 512);
        assertThat(server.connections()).isEqualTo(1);
    }

    @Test
    void shouldNotWakeALoopThatPolls() throws IOException {
        var storage = open();
        storage.polling(true);
        var read = FakeRequest.read(0, 512);
        storage.submit(read);
        while (!storage.poll()) {
            Thread.onSpinWait();
        }
        assertThat(read.errno()).isZero();
        assertThat(loop.tasks()).isZero();
        storage.polling(false);
        assertThat(storage.poll()).isFalse();
        shouldRead(storage, 0, 512);
    }

    @Test
    void shouldSayFarewell() throws IOException {
        var storage = open();
        shouldRead(storage, 0, 512);
        storage.close();
        loop.runUntil(() -> server.requests.getLast().type() == 2);
    }
}
