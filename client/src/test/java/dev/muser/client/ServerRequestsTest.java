package dev.muser.client;

import static dev.muser.client.FakeServer.DMA_READ;
import static dev.muser.client.FakeServer.DMA_WRITE;
import static dev.muser.client.FakeServer.ERROR;
import static dev.muser.client.FakeServer.REGION_READ;
import static dev.muser.client.FakeServer.REPLY;
import static dev.muser.client.FakeServer.RESET;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.muser.device.DmaAccess;
import dev.muser.device.DmaCompletion;
import dev.muser.device.DmaPort;
import dev.muser.linux.Errno;
import dev.muser.linux.EventFd;
import dev.muser.linux.Fd;
import dev.muser.linux.UnixSocket;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** DMA_READ and DMA_WRITE, which servers send at any time. */
class ServerRequestsTest {
    private final MemorySegment buffer = Arena.ofAuto().allocate(64, 8);

    /** 4 KiB of client memory at 0x1000. */
    private static final class Memory implements DmaPort {
        final MemorySegment bytes = Arena.ofAuto().allocate(4096, 8);

        @Override
        public void read(long iova, MemorySegment into, DmaCompletion completion) {
            into.copyFrom(bytes.asSlice(iova - 0x1000, into.byteSize()));
            completion.done(0);
        }

        @Override
        public void write(long iova, MemorySegment from, DmaCompletion completion) {
            bytes.asSlice(iova - 0x1000).copyFrom(from);
            completion.done(0);
        }
    }

    private static byte[] dmaRead(int id, long address, long count) {
        return Bytes.of().header(id, DMA_READ, 16, 0, 0).u64(address).u64(count).array();
    }

    private static byte[] dmaWrite(int id, long address, int... data) {
        var bytes =
                Bytes.of()
                        .header(id, DMA_WRITE, 16 + data.length, 0, 0)
                        .u64(address)
                        .u64(data.length);
        for (int b : data) {
            bytes.u8(b);
        }
        return bytes.array();
    }

    private static byte[] dmaWriteReply(int id, long address, long count) {
        return Bytes.of().header(id, DMA_WRITE, 16, REPLY, 0).u64(address).u64(count).array();
    }

    @ParameterizedTest
    @EnumSource(Waiting.class)
    void shouldServeRequestsThatComeBeforeTheReply(Waiting waiting) {
        var memory = new Memory();
        memory.bytes.set(ValueLayout.JAVA_BYTE, 0x10, (byte) 0x77);
        try (var server =
                        FakeServer.negotiated(s -> {
                            var request = s.expect(REGION_READ);
                            s.send(dmaWrite(900, 0x1020, 5, 6));
                            assertThat(s.expect(DMA_WRITE).bytes())
                                    .isEqualTo(dmaWriteReply(900, 0x1020, 2));
                            s.send(dmaRead(3, 0x1010, 1)); // an id that the client uses too
                            assertThat(s.expect(DMA_READ).bytes())
                                    .isEqualTo(
                                            Bytes.of()
                                                    .header(3, DMA_READ, 17, REPLY, 0)
                                                    .u64(0x1010)
                                                    .u64(1)
                                                    .u8(0x77)
                                                    .array());
                            s.replyRead(request, new byte[] {1, 2, 3, 4});
                        });
                var device = server.connect(ClientOptions.DEFAULTS.withWaiting(waiting))) {
            device.attach(memory);
            device.readRegion(0, 0, buffer, 0, 4);
            server.finish();
            assertThat(buffer.get(ValueLayout.JAVA_INT, 0)).isEqualTo(0x04030201);
            assertThat(memory.bytes.get(ValueLayout.JAVA_BYTE, 0x21)).isEqualTo((byte) 6);
        }
    }

    @Test
    void shouldServeRequestsGluedToBothSidesOfAReplyAndKeepItsPayload() {
        var memory = new Memory();
        try (var server =
                        FakeServer.negotiated(s -> {
                            var request = s.expect(REGION_READ);
                            s.send(
                                    Bytes.of()
                                            .raw(dmaWrite(1, 0x1000, 1))
                                            .raw(
                                                    FakeServer.replyBytes(
                                                            request,
                                                            FakeServer.readPayload(
                                                                    request, new byte[] {9, 8})))
                                            .raw(dmaWrite(2, 0x1001, 2))
                                            .array());
                            for (int id = 1; id <= 2; id++) {
                                assertThat(s.expect(DMA_WRITE).bytes())
                                        .isEqualTo(dmaWriteReply(id, 0xfff + id, 1));
                            }
                        });
                var device = server.connect()) {
            device.attach(memory);
            device.readRegion(0, 0, buffer, 0, 2);
            server.finish();
            assertThat(buffer.get(ValueLayout.JAVA_SHORT, 0)).isEqualTo((short) 0x0809);
            assertThat(memory.bytes.get(ValueLayout.JAVA_SHORT, 0)).isEqualTo((short) 0x0201);
        }
    }

    @ParameterizedTest
    @EnumSource(Waiting.class)
    void shouldServeRequestsOnTheTwinSocket(Waiting waiting) {
        OpenDescriptors.assertNoneLeak(() -> {
            var memory = new Memory();
            try (var server = FakeServer.start(s -> serveWithTwin(s));
                    var device =
                            server.connect(
                                    ClientOptions.DEFAULTS
                                            .withTwinSocket(true)
                                            .withWaiting(waiting))) {
                assertThat(device.limits().twinSocket()).isTrue();
                assertThat(device.descriptors()).hasSize(2);
                device.attach(memory);
                device.readRegion(0, 0, buffer, 0, 1);
                server.finish();
                assertThat(memory.bytes.get(ValueLayout.JAVA_BYTE, 0)).isEqualTo((byte) 42);
            }
        });
    }

    private static void serveWithTwin(FakeServer s) {
        var pair = UnixSocket.pair();
        try (var mine = pair[0];
                var theirs = pair[1]) {
            s.negotiate(
                    "\"twin_socket\":{\"supported\":true,\"fd_index\":0}", List.of(theirs.fd()));
            var request = s.expect(REGION_READ);
            s.send(mine, dmaWrite(1, 0x1000, 42), List.of());
            assertThat(s.receive(mine).bytes()).isEqualTo(dmaWriteReply(1, 0x1000, 1));
            s.replyRead(request, new byte[1]);
        }
    }

    @Test
    void shouldRefuseWhatItHasNoMemoryFor() {
        try (var server =
                        FakeServer.negotiated(s -> {
                            var request = s.expect(RESET);
                            s.send(dmaRead(5, 0x1000, 4));
                            assertThat(s.receive(s.socket()).bytes())
                                    .isEqualTo(error(5, DMA_READ, Errno.EFAULT));
                            s.reply(request, new byte[0]);
                        });
                var device = server.connect()) {
            device.attach(null);
            device.reset();
            server.finish();
        }
    }

    @Test
    void shouldRefuseBadRequestsAndGoOn() {
        try (var server =
                        FakeServer.negotiated(s -> {
                            var request = s.expect(RESET);
                            // more than max_data_xfer_size; beyond 2^64; data missing
                            s.send(dmaRead(1, 0x1000, (1 << 20) + 1));
                            s.send(dmaRead(2, -1, 2));
                            s.send(
                                    Bytes.of()
                                            .header(3, DMA_WRITE, 17, 0, 0)
                                            .u64(0x1000)
                                            .u64(2)
                                            .u8(0)
                                            .array());
                            s.send(Bytes.of().header(4, DMA_READ, 0, 0, 0).array());
                            for (int id = 1; id <= 4; id++) {
                                int command = id == 3 ? DMA_WRITE : DMA_READ;
                                assertThat(s.receive(s.socket()).bytes())
                                        .isEqualTo(error(id, command, Errno.EINVAL));
                            }
                            s.send(Bytes.of().header(5, RESET, 0, 0, 0).array());
                            assertThat(s.receive(s.socket()).bytes())
                                    .isEqualTo(error(5, RESET, Errno.EOPNOTSUPP));
                            s.reply(request, new byte[0]);
                        });
                var device = server.connect()) {
            device.attach(new Memory());
            device.reset();
            server.finish();
        }
    }

    private static byte[] error(int id, int command, int errno) {
        return Bytes.of().header(id, command, 0, ERROR, errno).array();
    }

    @Test
    void shouldCloseDescriptorsThatComeWithARequest() {
        OpenDescriptors.assertNoneLeak(() -> {
            try (var eventFd = EventFd.create();
                    var server =
                            FakeServer.negotiated(s -> {
                                var request = s.expect(RESET);
                                s.send(dmaWrite(1, 0x1000, 1), List.of(eventFd, eventFd));
                                s.expect(DMA_WRITE);
                                s.reply(request, new byte[0]);
                            });
                    var device = server.connect()) {
                device.attach(new Memory());
                device.reset();
                server.finish();
            }
        });
    }

    @Test
    void shouldAnswerWhenThePortIsDoneLater() {
        var waiting = new ArrayList<DmaCompletion>();
        var data = new ArrayList<MemorySegment>();
        DmaPort later =
                new DmaPort() {
                    @Override
                    public void read(long iova, MemorySegment into, DmaCompletion completion) {
                        data.add(into);
                        waiting.add(completion);
                    }

                    @Override
                    public void write(long iova, MemorySegment from, DmaCompletion completion) {
                        data.add(from);
                        waiting.add(completion);
                    }
                };
        try (var server =
                        FakeServer.negotiated(s -> {
                            var request = s.expect(RESET);
                            s.send(dmaRead(1, 0x1000, 2));
                            s.send(dmaWrite(2, 0x2000, 3));
                            s.reply(request, new byte[0]);
                            assertThat(s.receive(s.socket()).bytes())
                                    .isEqualTo(error(2, DMA_WRITE, Errno.EACCES));
                            assertThat(s.receive(s.socket()).payload())
                                    .isEqualTo(Bytes.of().u64(0x1000).u64(2).u8(11).u8(12).array());
                        });
                var device = server.connect()) {
            device.attach(later);
            device.reset();
            assertThat(waiting).hasSize(2);
            assertThat(data.get(1).get(ValueLayout.JAVA_BYTE, 0)).isEqualTo((byte) 3);
            waiting.get(1).done(Errno.EACCES);
            data.get(0).set(ValueLayout.JAVA_BYTE, 0, (byte) 11);
            data.get(0).set(ValueLayout.JAVA_BYTE, 1, (byte) 12);
            waiting.get(0).done(0);
            server.finish();
        }
    }

    @Test
    void shouldTellTheServerWhenItHasTooManyRequestsOpen() {
        var waiting = new ArrayList<DmaCompletion>();
        DmaPort never =
                new DmaPort() {
                    @Override
                    public void read(long iova, MemorySegment into, DmaCompletion completion) {
                        waiting.add(completion);
                    }

                    @Override
                    public void write(long iova, MemorySegment from, DmaCompletion completion) {
                        waiting.add(completion);
                    }
                };
        try (var server =
                        FakeServer.negotiated(s -> {
                            var request = s.expect(RESET);
                            for (int i = 0; i < 65; i++) {
                                s.send(dmaRead(i, 0x1000, 8));
                            }
                            assertThat(s.receive(s.socket()).bytes())
                                    .isEqualTo(error(64, DMA_READ, Errno.EBUSY));
                            s.reply(request, new byte[0]);
                        });
                var device = server.connect()) {
            device.attach(never);
            device.reset();
            server.finish();
            assertThat(waiting).hasSize(64);
        }
    }

    @Test
    void shouldThrowWhatThePortThrowsAfterTheReplyAndGoOn() {
        DmaPort broken =
                new DmaPort() {
                    @Override
                    public void read(long iova, MemorySegment into, DmaCompletion completion) {
                        throw new IllegalArgumentException("no such luck");
                    }

                    @Override
                    public void write(long iova, MemorySegment from, DmaCompletion completion) {
                        completion.done(0);
                    }
                };
        try (var server =
                        FakeServer.negotiated(s -> {
                            var request = s.expect(RESET);
                            s.send(dmaRead(1, 0x1000, 8));
                            assertThat(s.receive(s.socket()).bytes())
                                    .isEqualTo(error(1, DMA_READ, Errno.EIO));
                            s.reply(request, new byte[0]);
                            s.reply(s.expect(RESET), new byte[0]);
                        });
                var device = server.connect()) {
            device.attach(broken);
            assertThatThrownBy(device::reset).hasMessage("no such luck");
            device.reset();
            server.finish();
        }
    }

    @Test
    void shouldRefuseACallFromWithinAPort() {
        var thrown = new ArrayList<Throwable>();
        try (var server =
                        FakeServer.negotiated(s -> {
                            var request = s.expect(RESET);
                            s.send(dmaWrite(1, 0x1000, 1));
                            s.expect(DMA_WRITE);
                            s.reply(request, new byte[0]);
                        });
                var device = server.connect()) {
            device.attach(
                    new DmaPort() {
                        @Override
                        public void read(long iova, MemorySegment into, DmaCompletion completion) {
                            completion.done(0);
                        }

                        @Override
                        public void write(long iova, MemorySegment from, DmaCompletion completion) {
                            try {
                                device.reset();
                            } catch (IllegalStateException e) {
                                thrown.add(e);
                            }
                            completion.done(0);
                        }
                    });
            device.reset();
            server.finish();
            assertThat(thrown).hasSize(1);
        }
    }

    @Test
    void shouldServeRequestsWhileItWaitsForAnInterrupt() {
        OpenDescriptors.assertNoneLeak(() -> {
            try (var server = FakeServer.negotiated(ServerRequestsTest::interruptAfterDma);
                    var device = server.connect();
                    var function = new PciFunction(device)) {
                var memory = function.dma().allocate(1, DmaAccess.READ_WRITE, DmaMemory.MESSAGES);
                assertThat(memory.iova()).isEqualTo(0x10000);
                var interrupt = function.interrupt(0, 0);
                assertThat(interrupt.await(Duration.ofSeconds(20))).isEqualTo(1);
                assertThat(memory.segment().get(ValueLayout.JAVA_BYTE, 0)).isEqualTo((byte) 99);
                assertThat(interrupt.poll()).isZero();
                server.finish();
                server.socket().shutdown();
            }
        });
    }

    private static void interruptAfterDma(FakeServer s) {
        s.reply(s.expect(FakeServer.DMA_MAP), new byte[0]);
        s.reply(s.expect(FakeServer.GET_IRQ_INFO), Bytes.of().u32(16).u32(1).u32(0).u32(1).array());
        var install = s.expect(FakeServer.SET_IRQS);
        try (Fd eventFd = install.descriptors().getFirst()) {
            s.reply(install, new byte[0]);
            var command = s.expect(REGION_READ);
            s.replyRead(command, new byte[2]);
            var write = s.expect(FakeServer.REGION_WRITE);
            s.reply(write, Arrays.copyOf(write.payload(), 16));
            s.send(dmaWrite(1, 0x10000, 99));
            assertThat(s.expect(DMA_WRITE).bytes()).isEqualTo(dmaWriteReply(1, 0x10000, 1));
            EventFd.signal(eventFd);
        }
    }
}
