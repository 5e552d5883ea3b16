package dev.muser.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.muser.linux.Errno;
import dev.muser.linux.PeerCredentials;
import dev.muser.linux.SyscallException;
import dev.muser.linux.UnixSocket;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a client does against the rules is its own loss, and nobody else's. */
final class HostileClientTest extends ServerTest {
    private static final ServerOptions IMPATIENT =
            ServerOptions.DEFAULTS.withPartialMessageTime(Duration.ofMillis(50));

    private Path serve(ServerOptions options) {
        var path = socketPath();
        closing(DeviceServer.listen(loop(LoopPolicy.BLOCKING), _ -> device, path, options));
        return path;
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 1, 15})
    void shouldRefuseAndCloseOnASizeBelowTheHeaders(long size) {
        var client = negotiated();
        client.send(RawClient.message(1, RawClient.RESET, size, 0, new byte[0]));
        client.receive().failed(Errno.EINVAL);
        client.expectEnd();
    }

    @ParameterizedTest
    @ValueSource(longs = {(1 << 20) + 65, 0x7fffffffL, 0x80000000L, 0xffffffffL})
    void shouldRefuseAndCloseOnASizeAboveTheLimit(long size) {
        var client = negotiated();
        client.send(RawClient.message(1, RawClient.RESET, size, 0, new byte[0]));
        client.receive().failed(Errno.EINVAL);
        client.expectEnd();
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 15, 0xffffffffL})
    void shouldRefuseSuchSizesBeforeTheNegotiationToo(long size) {
        var client = connect();
        client.send(RawClient.message(1, RawClient.VERSION, size, 0, new byte[0]));
        client.receive().failed(Errno.EINVAL);
        client.expectEnd();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 15, 0x21, 0x31})
    void shouldRefuseAReplyOrATypeThatIsNone(int flags) {
        var client = negotiated();
        client.send(RawClient.message(9, RawClient.DMA_READ, flags, new byte[16]));
        var reply = client.receive();
        reply.failed(Errno.EINVAL);
        assertThat(reply.id()).isEqualTo(9);
        client.expectServed();
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 11, 12, 14, 19, 255, 65535})
    void shouldRefuseACommandThatNoClientSends(int command) {
        var client = negotiated();
        client.ask(command, new byte[16]).failed(Errno.EINVAL);
        client.post(command, new byte[16]);
        client.expectServed();
    }

    @Test
    void shouldCutOffAClientThatConnectsAndIsSilent() {
        var client = connect(IMPATIENT);
        client.expectEnd();
        assertThat(device.calls).isEmpty();
    }

    @Test
    void shouldCutOffAClientThatIsSilentAfterAHeader() {
        var client = connect(IMPATIENT);
        client.negotiate();
        client.send(RawClient.message(1, RawClient.REGION_READ, 32, 0, new byte[0]));
        client.expectEnd();
    }

    @Test
    void shouldCutOffAClientThatDribbles() throws InterruptedException {
        var client = connect(ServerOptions.DEFAULTS.withPartialMessageTime(Duration.ofMillis(100)));
        client.negotiate();
        byte[] message = RawClient.message(1, RawClient.REGION_READ, 1 << 20, 0, new byte[0]);
        client.send(message);
        int sent = 0;
        while (client.trySend(new byte[1], List.of()) == 1 && sent < 10_000) {
            Thread.sleep(5);
            sent++;
        }
        assertThat(sent).as("bytes dribbled before the end").isLessThan(10_000);
    }

    @Test
    void shouldLeaveAnIdleClientAlone() throws InterruptedException {
        var client = connect(IMPATIENT);
        client.negotiate();
        Thread.sleep(200);
        client.expectServed();
    }

    @Test
    void shouldServeTheNextClientAfterOneLeavesInTheMiddleOfAMessage() {
        var path = serve(ServerOptions.DEFAULTS);
        for (int i = 0; i < 20; i++) {
            var client = closing(RawClient.connect(path));
            client.negotiate();
            client.send(new byte[1 + i]);
            client.close();
        }
        var last = closing(RawClient.connect(path));
        last.negotiate();
        last.expectServed();
    }

    @Test
    void shouldLetASecondClientWaitUntilTheFirstIsGone() {
        var path = serve(ServerOptions.DEFAULTS);
        var first = closing(RawClient.connect(path));
        first.negotiate();
        var second = closing(RawClient.connect(path));
        int id = second.command(RawClient.VERSION, 0, RawClient.version(0, 0, "{}"));
        for (int i = 0; i < 50; i++) {
            first.expectServed();
        }
        try (var arena = Arena.ofConfined()) {
            assertThat(second.receiveSome(arena.allocate(1), 0, 1, 0x40)).isEqualTo(-Errno.EAGAIN);
        }
        assertThat(device.calls).containsExactly("attach");
        first.close();
        assertThat(second.receive().id()).isEqualTo(id);
        second.expectServed();
        assertThat(device.calls).containsExactly("attach", "detach", "attach");
    }

    @Test
    void shouldServeAThousandClientsOneAfterTheOther() {
        device.recording = false;
        var path = serve(ServerOptions.DEFAULTS);
        for (int i = 0; i < 1000; i++) {
            var client = RawClient.connect(path);
            try (client) {
                if (i % 3 == 0) {
                    continue;
                }
                client.negotiate();
                client.ask(RawClient.DMA_MAP, RawClient.dmaMap(3, 0, 0, 4096), device.file)
                        .succeeded(0);
            }
        }
        var last = closing(RawClient.connect(path));
        last.negotiate();
        last.expectServed();
    }

    @Test
    void shouldCloseOnAUserWhoIsNotAllowed() {
        int other = PeerCredentials.ownUid() + 1;
        var path = serve(ServerOptions.DEFAULTS.withAllowedUsers(Set.of(other)));
        for (int i = 0; i < 5; i++) {
            closing(RawClient.connect(path)).expectEnd();
        }
        assertThat(device.calls).isEmpty();
    }

    @Test
    void shouldServeAUserWhoIsAllowed() {
        int own = PeerCredentials.ownUid();
        var path = serve(ServerOptions.DEFAULTS.withAllowedUsers(Set.of(own, own + 1)));
        var client = closing(RawClient.connect(path));
        client.negotiate();
        client.expectServed();
    }

    @Test
    void shouldServeOthersWhileAClientNeverReads() {
        var loop = loop(LoopPolicy.BLOCKING);
        var greedy = connect(loop, device, ServerOptions.DEFAULTS);
        var neighbour = connect(loop, anotherDevice(), ServerOptions.DEFAULTS);
        greedy.negotiate();
        neighbour.negotiate();
        device.recording = false;

        // 4 KiB for each 32 bytes, until the server takes no more of them.
        byte[] read =
                RawClient.message(1, RawClient.REGION_READ, 0, RawClient.regionRead(0, 0, 4096));
        long asked = 0;
        greedy.socket.timeout(Duration.ofMillis(500));
        while (greedy.trySend(read, List.of()) == read.length) {
            asked++;
            if (asked % 1000 == 0) {
                neighbour.expectServed();
            }
            assertThat(asked * 4096).as("bytes of unread replies").isLessThan(256L << 20);
        }
        neighbour.expectServed();
        greedy.socket.timeout(Duration.ofSeconds(10));
        // What it did ask for is still answered when it reads at last.
        for (long i = 0; i < asked; i++) {
            greedy.receive().succeeded(16 + 4096);
        }
        neighbour.expectServed();
    }

    @Test
    void shouldServeOthersWhileAClientFloods() throws Exception {
        var loop = loop(LoopPolicy.BLOCKING);
        var flooding = connect(loop, device, ServerOptions.DEFAULTS);
        var neighbour = connect(loop, anotherDevice(), ServerOptions.DEFAULTS);
        flooding.negotiate();
        neighbour.negotiate();
        device.recording = false;
        byte[] write =
                RawClient.message(
                        1,
                        RawClient.REGION_WRITE,
                        RawClient.NO_REPLY,
                        RawClient.regionWrite(0, 0, (byte) 1));
        var burst = new byte[100][];
        Arrays.fill(burst, write);
        byte[] bytes = Bytes.join(burst);
        var done = new CountDownLatch(1);
        var flood =
                Thread.ofPlatform()
                        .start(() -> {
                            while (done.getCount() > 0) {
                                flooding.send(bytes);
                            }
                        });
        for (int i = 0; i < 500; i++) {
            neighbour.expectServed();
        }
        done.countDown();
        flood.join();
        flooding.expectServed();
    }

    /** A message of 36 bytes can signal 2048 eventfds: a count of messages is no bound on time. */
    @Test
    void shouldServeOthersBetweenMessagesThatTakeLong() throws Exception {
        var loop = loop(LoopPolicy.BLOCKING);
        var slow = connect(loop, device, ServerOptions.DEFAULTS);
        var other = anotherDevice();
        var neighbour = connect(loop, other, ServerOptions.DEFAULTS);
        slow.negotiate();
        neighbour.negotiate();
        device.recording = false;
        var begun = new CountDownLatch(1);
        var asked = new CountDownLatch(1);
        var done = new AtomicInteger();
        var doneBefore = new AtomicInteger();
        device.when(
                "writeRegion",
                () -> {
                    begun.countDown();
                    try {
                        asked.await();
                        Thread.sleep(5);
                    } catch (InterruptedException e) {
                        throw new AssertionError(e);
                    }
                    done.incrementAndGet();
                });
        other.when("info", () -> doneBefore.set(done.get()));
        byte[] write =
                RawClient.message(
                        1,
                        RawClient.REGION_WRITE,
                        RawClient.NO_REPLY,
                        RawClient.regionWrite(0, 0, (byte) 1));
        var burst = new byte[200][];
        Arrays.fill(burst, write);
        slow.send(Bytes.join(burst));
        begun.await();
        int id = neighbour.command(RawClient.GET_INFO, 0, Bytes.of().u32(16).zeros(12).get());
        asked.countDown();
        assertThat(neighbour.receive().id()).isEqualTo(id);
        assertThat(doneBefore.get()).as("slow messages before the neighbour's").isLessThan(200);
        device.behaveAgain();
    }

    /**
     * A loop that spins reads its clients' sockets; the others' descriptors must have turns too.
     */
    @Test
    void shouldAcceptClientsWhileAnotherKeepsASpinningLoopBusy() throws Exception {
        var loop = loop(LoopPolicy.POLLING);
        var slow = connect(loop, device, ServerOptions.DEFAULTS);
        slow.negotiate();
        device.recording = false;
        var other = anotherDevice();
        var path = socketPath();
        closing(DeviceServer.listen(loop, _ -> other, path, ServerOptions.DEFAULTS));
        var begun = new CountDownLatch(1);
        var connected = new CountDownLatch(1);
        var done = new AtomicInteger();
        var doneBefore = new AtomicInteger();
        device.when(
                "writeRegion",
                () -> {
                    begun.countDown();
                    try {
                        connected.await();
                        Thread.sleep(5);
                    } catch (InterruptedException e) {
                        throw new AssertionError(e);
                    }
                    done.incrementAndGet();
                });
        other.when("attach", () -> doneBefore.set(done.get()));
        byte[] write =
                RawClient.message(
                        1,
                        RawClient.REGION_WRITE,
                        RawClient.NO_REPLY,
                        RawClient.regionWrite(0, 0, (byte) 1));
        var burst = new byte[20][];
        Arrays.fill(burst, write);
        slow.send(Bytes.join(burst));
        begun.await();
        var next = closing(RawClient.connect(path));
        int id = next.command(RawClient.VERSION, 0, RawClient.version(0, 0, "{}"));
        connected.countDown();
        assertThat(next.receive().id()).isEqualTo(id);
        assertThat(doneBefore.get()).as("slow messages before the next client").isLessThan(20);
        device.behaveAgain();
    }

    @Test
    void shouldRefuseAnInheritedClientOfAUserWhoIsNotAllowed() {
        var options = ServerOptions.DEFAULTS.withAllowedUsers(Set.of(PeerCredentials.ownUid() + 1));
        var loop = loop(LoopPolicy.BLOCKING);
        var pair = UnixSocket.pair();
        closing(pair[1]);
        assertThatThrownBy(() -> DeviceServer.adopt(loop, _ -> device, pair[0].fd(), options))
                .isInstanceOfSatisfying(
                        SyscallException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EACCES));
        assertThat(device.closed).isTrue();
        assertThat(pair[0].fd().isOpen()).isFalse();
    }
}
