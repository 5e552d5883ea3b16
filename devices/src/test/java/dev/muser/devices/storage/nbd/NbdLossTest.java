package dev.muser.devices.storage.nbd;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.devices.storage.FakeRequest;
import dev.muser.devices.storage.nbd.FakeSession.Request;
import dev.muser.linux.Errno;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** What happens when connections are lost, and come back. */
final class NbdLossTest extends NbdFixture {

    @Test
    void shouldSendAgainWhatWasUnderWay() throws IOException {
        var storage = open();
        var dropped = new AtomicInteger();
        server.handler =
                (session, request) -> {
                    if (dropped.getAndIncrement() == 0) {
                        // In the middle of a reply
                        session.chunk(request.cookie(), 0, 1, new byte[0]);
                        throw new IOException("dropped");
                    }
                    server.handle(session, request);
                };
        var reads = new ArrayList<FakeRequest>();
        for (int i = 0; i < 50; i++) {
            reads.add(FakeRequest.read(i * 4096L, 4096));
            storage.submit(reads.getLast());
        }
        loop.runUntil(() -> reads.stream().allMatch(FakeRequest::isDone));
        for (var read : reads) {
            assertThat(read.errno()).isZero();
            assertThat(read.data()).isEqualTo(server.read(read.offset(), 4096));
        }
        assertThat(server.connections()).isGreaterThan(1);
    }

    @Test
    void shouldLoseNothingToAServerThatDropsConnectionsAtRandom() throws IOException {
        server.flags |= FakeServer.MULTI;
        var random = new Random(3);
        var drops = new AtomicInteger();
        server.handler =
                (session, request) -> {
                    boolean drop;
                    synchronized (random) {
                        drop = random.nextInt(20) == 0 && drops.incrementAndGet() < 8;
                    }
                    if (drop) {
                        server.handle(session, request); // done, but who knows?
                        throw new IOException("dropped");
                    }
                    server.handle(session, request);
                };
        var storage = open();
        var requests = new ArrayList<FakeRequest>();
        for (int i = 0; i < 200; i++) {
            var data = new byte[4096];
            data[0] = (byte) i;
            requests.add(FakeRequest.write(i * 4096L, data));
            storage.submit(requests.getLast());
        }
        loop.runUntil(() -> requests.stream().allMatch(FakeRequest::isDone));
        for (var request : requests) {
            assertThat(request.errno()).isZero();
            assertThat(server.read(request.offset(), 4096)).isEqualTo(request.data());
        }
        assertThat(drops.get()).isPositive();
    }

    @Test
    void shouldWaitForAServerThatDiesAndReturns() throws IOException {
        var storage = open();
        shouldRead(storage, 0, 512);
        server.stop();
        var write = FakeRequest.write(512, new byte[512]);
        var flush = FakeRequest.flush();
        storage.submit(write);
        storage.submit(flush);
        loop.turn();
        assertThat(write.isDone()).isFalse();
        server.start();
        loop.runUntil(() -> write.isDone() && flush.isDone());
        assertThat(write.errno()).isZero();
        assertThat(flush.errno()).isZero();
        assertThat(server.read(512, 512)).containsOnly(0);
    }

    @Test
    void shouldFailRequestsWhenTheServerStaysAway() throws IOException {
        var storage = open(OPTIONS.withReconnectTime(Duration.ofMillis(300)));
        server.stop();
        assertThat(run(storage, FakeRequest.read(0, 512))).isEqualTo(Errno.EIO);
        assertThat(run(storage, FakeRequest.flush())).isEqualTo(Errno.EIO);
        server.start();
        // It does not give up, though requests do.
        loop.runUntil(() -> run(storage, FakeRequest.read(0, 512)) == 0);
    }

    @Test
    void shouldFailARequestThatEndsEveryConnection() throws IOException {
        var storage = open(OPTIONS.withReconnectTime(Duration.ofMillis(300)));
        server.handler =
                (session, request) -> {
                    throw new IOException("crashed");
                };
        assertThat(run(storage, FakeRequest.read(0, 512))).isEqualTo(Errno.EIO);
    }

    @Test
    void shouldFailForGoodWhenTheExportComesBackSmaller() throws IOException {
        var storage = open();
        shouldRead(storage, 0, 512);
        server.stop();
        server.size = 65_536;
        server.start();
        assertThat(run(storage, FakeRequest.read(0, 512))).isEqualTo(Errno.EIO);
        server.size = 1 << 20;
        assertThat(run(storage, FakeRequest.read(0, 512))).isEqualTo(Errno.EIO);
    }

    @Test
    void shouldFailForGoodWhenTheExportComesBackReadOnly() throws IOException {
        var storage = open();
        shouldRead(storage, 0, 512);
        server.stop();
        server.flags |= FakeServer.READ_ONLY;
        server.start();
        assertThat(run(storage, FakeRequest.read(0, 512))).isEqualTo(Errno.EIO);
    }

    @Test
    void shouldNotMindAnExportThatComesBackLarger() throws IOException {
        var storage = open();
        server.stop();
        server.size = 2 << 20;
        server.knowsStructured = false;
        server.start();
        shouldRead(storage, 0, 512);
        assertThat(storage.info().size()).isEqualTo(1 << 20);
    }

    @Test
    void shouldGiveUpAConnectionThatIsSilent() throws IOException {
        var storage = open(OPTIONS.withReplyTime(Duration.ofMillis(100)));
        server.handler =
                (session, request) -> {
                    if (session.number > 0) {
                        server.handle(session, request);
                    }
                };
        shouldRead(storage, 0, 512);
        assertThat(server.connections()).isEqualTo(2);
    }

    @Test
    void shouldSendAgainWhatAServerThatShutsDownRefuses() throws IOException {
        var storage = open();
        server.handler =
                (session, request) -> {
                    if (session.number > 0) {
                        server.handle(session, request);
                    } else {
                        session.error(request, 1, 108, "bye");
                    }
                };
        shouldRead(storage, 0, 512);
    }

    @Test
    void shouldCancelWhatIsUnderWayAndKeepItBeforeWhatFollows() throws IOException {
        var held = new LinkedBlockingQueue<Request>();
        var sessions = new LinkedBlockingQueue<FakeSession>();
        server.handler =
                (session, request) -> {
                    held.add(request);
                    sessions.add(session);
                };
        var storage = open();
        var old = FakeRequest.write(0, new byte[512]);
        storage.submit(old);
        loop.runUntil(() -> held.size() == 1);
        storage.cancel();
        assertThat(old.errno()).isEqualTo(Errno.ECANCELED);
        old.forget();
        var next = FakeRequest.write(0, new byte[512]);
        storage.submit(next);
        loop.turn();
        server.handler = server::handle;
        assertThat(held).hasSize(1);
        assertThat(next.isDone()).isFalse();
        sessions.remove().simple(held.remove().cookie(), 0);
        loop.runUntil(next::isDone);
        assertThat(next.errno()).isZero();
        assertThat(old.errno()).isEqualTo(Errno.ECANCELED);
    }

    @Test
    void shouldNotSendAgainWhatWasCancelled() throws IOException {
        var storage = open();
        server.stop();
        var old = List.of(FakeRequest.write(0, new byte[512]), FakeRequest.read(0, 512));
        old.forEach(storage::submit);
        storage.cancel();
        assertThat(old).allMatch(request -> request.errno() == Errno.ECANCELED);
        server.start();
        shouldRead(storage, 0, 512);
        assertThat(server.requests).extracting(Request::type).containsExactly(0);
    }

    @Test
    void shouldCloseWhileTheServerIsAway() throws IOException {
        var storage = open();
        shouldRead(storage, 0, 512);
        server.stop();
        storage.close();
        storage.close();
    }
}
