package dev.muser.testkit.hostile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.muser.linux.Errno;
import dev.muser.linux.MessageSender;
import dev.muser.linux.SyscallException;
import dev.muser.linux.UnixSocket;
import dev.muser.server.ServerOptions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Bytes that are no messages, or too many, or too few (vfio-user, Message Format). */
class HostileStreamTest extends HostileTest {
    private static final ServerOptions IMPATIENT =
            ServerOptions.DEFAULTS.withPartialMessageTime(Duration.ofMillis(500));

    @Test
    void shouldTakeAHeaderByteByByte() {
        var client = negotiated();
        for (byte b : Requests.message(7, Requests.RESET, 0, new byte[0])) {
            client.send(new byte[] {b});
            awaitReceived(client);
        }
        assertThat(client.receive().succeeded(0).id()).isEqualTo(7);
    }

    @Test
    void shouldTakeABodySplitAnywhere() {
        var client = negotiated();
        byte[] data = {1, 2, 3, 4, 5, 6, 7, 8, 9};
        byte[] write =
                Requests.message(
                        3, Requests.REGION_WRITE, 0, Requests.regionWrite(0, Puppet.RAM, data));
        for (int split = 1; split < write.length; split++) {
            data[0] = (byte) split;
            write[Requests.HEADER + 16] = data[0];
            client.send(Arrays.copyOf(write, split));
            awaitReceived(client);
            client.send(Arrays.copyOfRange(write, split, write.length));
            client.receive().succeeded(16);
            var read =
                    client.ask(
                            Requests.REGION_READ, Requests.regionRead(0, Puppet.RAM, data.length));
            assertThat(read.succeeded(16 + data.length).payload(16)).isEqualTo(data);
        }
    }

    @Test
    void shouldKeepTheDescriptorOfABodySplitAnywhere() {
        var client = negotiated();
        byte[] map =
                Requests.message(
                        3, Requests.DMA_MAP, 0, Requests.dmaMap(Requests.READ_WRITE, 0, 0, 4096));
        for (int split = 1; split < map.length; split++) {
            client.send(Arrays.copyOf(map, split), memory(4096));
            awaitReceived(client);
            client.send(Arrays.copyOfRange(map, split, map.length));
            client.receive().succeeded(0);
            assertThat(Transfers.run(client, Puppet.Order.DMA_WRITE, 0, 8)).isZero();
            client.ask(Requests.DMA_UNMAP, Requests.dmaUnmap(0, 4096)).succeeded(24);
        }
    }

    /** What was sent has been received, so that it was received alone. */
    void awaitReceived(HostileClient client) {
        while (!client.socket.isDrained()) {
            LockSupport.parkNanos(10_000);
        }
    }

    @Test
    void shouldAnswerAThousandMessagesOfOneWriteInOrder() {
        var client = negotiated();
        var all = Bytes.of();
        for (int i = 0; i < 1000; i++) {
            all.raw(
                    Requests.message(
                            i, Requests.REGION_READ, 0, Requests.regionRead(0, Puppet.RAM, 4)));
        }
        client.send(all.get());
        for (int i = 0; i < 1000; i++) {
            assertThat(client.receive().succeeded(20).id()).isEqualTo(i);
        }
    }

    @Test
    void shouldCutOffAClientThatIsSilentBehindAHeader() {
        var path = serve(Puppet::new, IMPATIENT);
        var client = connect(path).negotiate();
        client.send(Requests.message(1, Requests.REGION_READ, 32, 0, new byte[0]));
        client.expectEnd();
        expectNextServed(path);
    }

    @Test
    void shouldCutOffAClientThatConnectsAndIsSilent() {
        var path = serve(Puppet::new, IMPATIENT);
        connect(path).expectEnd();
        expectNextServed(path);
    }

    /** A byte now and then keeps no message alive for longer than a message may take. */
    @Test
    void shouldCutOffAClientThatDribbles() throws InterruptedException {
        var path = serve(Puppet::new, IMPATIENT);
        var client = connect(path).negotiate();
        client.send(Requests.message(1, Requests.REGION_READ, 1 << 20, 0, new byte[0]));
        int sent = 0;
        while (client.trySend(new byte[1], List.of(), 0) == 1 && sent < 10_000) {
            Thread.sleep(5);
            sent++;
        }
        assertThat(sent).as("bytes dribbled before the end").isLessThan(10_000);
    }

    /**
     * Requests wait in the client's socket, 208 KiB, and are read 32 KiB ahead; replies wait in the
     * server's socket and in 256 KiB of its own.
     */
    @Test
    void shouldHoldNoMoreThanABoundForAClientThatNeverReadsReplies() {
        var obeyed = new AtomicInteger();
        var client =
                connect(serve(ctx -> new Puppet(ctx, obeyed), ServerOptions.DEFAULTS)).negotiate();
        byte[] pair = // of which the first is counted, and has no reply
                Bytes.of()
                        .raw(
                                Requests.message(
                                        1,
                                        Requests.REGION_WRITE,
                                        Requests.NO_REPLY,
                                        Requests.regionWrite(
                                                0, Puppet.COMMAND, Bytes.of().u32(0).get())))
                        .raw(
                                Requests.message(
                                        2,
                                        Requests.REGION_READ,
                                        0,
                                        Requests.regionRead(0, Puppet.RAM, Puppet.RAM_SIZE)))
                        .get();
        byte[] many = repeat(pair, 100);
        client.socket.timeout(Duration.ofMillis(500));
        long asked = 0;
        int sent = many.length;
        while (sent == many.length) { // until the server takes no more
            sent = client.trySend(many, List.of(), 0);
            asked += Math.max(0, sent);
            assertThat(asked).as("bytes of requests taken").isLessThan(512 << 10);
        }
        bystander.expectUnharmed();
        assertThat(obeyed.get() * (Requests.HEADER + 16L + Puppet.RAM_SIZE))
                .as("bytes of replies that nobody reads")
                .isBetween(128L << 10, 1L << 20);
        expectHeapAsBefore();
        client.socket.timeout(HostileClient.PATIENCE);
        for (long i = 0; i < asked / pair.length; i++) {
            client.receive().succeeded(16 + Puppet.RAM_SIZE);
        }
    }

    @Test
    void shouldForgetAClientThatLeavesItsRepliesUnread() {
        for (int i = 0; i < 50; i++) {
            try (var client = HostileClient.connect(socket).negotiate()) {
                byte[] read =
                        Requests.message(
                                1,
                                Requests.REGION_READ,
                                0,
                                Requests.regionRead(0, Puppet.RAM, Puppet.RAM_SIZE));
                client.trySend(repeat(read, 2000), List.of(), MessageSender.DONT_WAIT);
            }
        }
    }

    private static byte[] repeat(byte[] message, int times) {
        var all = Bytes.of();
        for (int i = 0; i < times; i++) {
            all.raw(message);
        }
        return all.get();
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 1, 15, 0x7fff_ffffL, 0x8000_0000L, 0xffff_ffffL})
    void shouldRefuseASizeThatNoMessageHasAndClose(long size) {
        var client = negotiated();
        client.send(Requests.message(1, Requests.RESET, size, 0, new byte[0]));
        client.receive().failed(Errno.EINVAL);
        client.expectEnd();
        var early = connect();
        early.send(Requests.message(1, Requests.VERSION, size, 0, new byte[0]));
        early.receive().failed(Errno.EINVAL);
        early.expectEnd();
    }

    @Test
    void shouldForgetAClientThatClosesInTheMiddleOfAMessage() {
        byte[] map = Requests.message(1, Requests.DMA_MAP, 0, Requests.dmaMap(3, 0, 0, 4096));
        for (int length = 1; length < map.length; length++) {
            try (var client = HostileClient.connect(socket).negotiate()) {
                client.send(Arrays.copyOf(map, length), memory(4096));
            }
        }
    }

    /** Only 0, a command, and 1, a reply, are types; and nothing was asked of this client. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 15, 0x21, 0x31, 0xffff_fff1})
    void shouldRefuseAReplyAndATypeThatIsNone(int flags) {
        var client = negotiated();
        for (int command : new int[] {Requests.DMA_READ, Requests.DMA_WRITE, Requests.RESET}) {
            client.send(Requests.message(9, command, flags, new byte[16]));
            assertThat(client.receive().failed(Errno.EINVAL).id()).isEqualTo(9);
        }
        client.expectServed();
    }

    @Test
    void shouldAnswerRepeatedIdsEachWithItsOwnReply() {
        var client = negotiated();
        var all = Bytes.of();
        for (int count = 1; count <= 200; count++) {
            all.raw(
                    Requests.message(
                            5, Requests.REGION_READ, 0, Requests.regionRead(0, 0x400, count)));
        }
        client.send(all.get());
        for (int count = 1; count <= 200; count++) {
            assertThat(client.receive().succeeded(16 + count).id()).isEqualTo(5);
        }
    }

    static IntStream unknownCommands() {
        return IntStream.of(0, 11, 12, 14, 19, 20, 0x7fff, 0xffff);
    }

    @Test
    void shouldRefuseCommandsThatNoClientSends() {
        var client = negotiated();
        unknownCommands()
                .forEach(command -> {
                    client.ask(command, new byte[16]).failed(Errno.EINVAL);
                    client.ask(command, new byte[0]).failed(Errno.EINVAL);
                    client.post(command, new byte[16]);
                });
        client.expectServed();
    }

    @Test
    void shouldAnswerNoQueryWhoseReplyIsNotWanted() {
        var client = negotiated();
        client.post(Requests.GET_INFO, Requests.info(16));
        client.post(Requests.GET_REGION_INFO, Requests.regionInfo(4096, 2));
        client.post(Requests.GET_REGION_IO_FDS, Requests.regionIoFds(4096, 0));
        client.post(Requests.GET_IRQ_INFO, Requests.irqInfo(16, 0));
        client.post(Requests.REGION_READ, Requests.regionRead(0, Puppet.RAM, 4));
        client.post(Requests.FEATURE, Requests.feature(64, 1, Requests.GET).get());
        client.post(Requests.MIG_READ, Bytes.of().u32(64).u32(8).get());
        client.post(Requests.REGION_READ, Requests.regionRead(99, 0, 4)); // an error, too
        client.expectServed();
        client.expectSilence();
    }

    @Test
    void shouldRefuseASecondVersionAndGoOn() {
        var client = negotiated();
        for (int i = 0; i < 3; i++) {
            client.ask(Requests.VERSION, Requests.version(0, 1, "{}")).failed(Errno.EINVAL);
        }
        client.expectServed();
    }

    @Test
    void shouldRefuseEveryCommandBeforeVersionAndClose() {
        for (int command = 0; command < 20; command++) {
            if (command != Requests.VERSION) {
                try (var client = HostileClient.connect(socket)) {
                    client.ask(command, new byte[32]).failed(Errno.EINVAL);
                    client.expectEnd();
                }
            }
        }
    }

    @Test
    void shouldLetASecondClientWaitForTheFirst() {
        var first = negotiated();
        var second = connect();
        int id = second.command(Requests.VERSION, 0, Requests.version(0, 0, "{}"));
        for (int i = 0; i < 100; i++) {
            first.expectServed();
        }
        second.expectSilence();
        first.close();
        assertThat(second.receive().id()).isEqualTo(id);
        second.expectServed();
    }

    /** In each round as many wait as the server has room for, and leave before their turn. */
    @Test
    void shouldServeOnWhileTenThousandConnect() {
        int most = 17; // a queue of 16, to the kernel
        for (int connects = 0; connects < 10_000; connects += most) {
            var waiting = new ArrayList<UnixSocket>();
            try (var served = HostileClient.connect(socket).negotiate()) {
                for (int i = 0; i < most; i++) {
                    waiting.add(UnixSocket.connect(socket, HostileClient.PATIENCE));
                    served.expectServed();
                }
                if (connects == 0) {
                    assertThatThrownBy(() -> UnixSocket.connect(socket, Duration.ofMillis(100)))
                            .isInstanceOfSatisfying(
                                    SyscallException.class,
                                    e -> assertThat(e.errno()).isEqualTo(Errno.EAGAIN));
                    bystander.expectUnharmed();
                }
            } finally {
                waiting.forEach(UnixSocket::close);
            }
        }
    }

    @Test
    void shouldServeOnAfterAThousandThatSaySomething() {
        for (int i = 0; i < 1000; i++) {
            try (var client = HostileClient.connect(socket).negotiate()) {
                client.send(Requests.message(1, Requests.DMA_MAP, 0, new byte[i % 32]));
            }
        }
    }
}
