package dev.muser.client;

import static dev.muser.client.FakeServer.GET_REGION_INFO;
import static dev.muser.client.FakeServer.NO_REPLY;
import static dev.muser.client.FakeServer.REGION_READ;
import static dev.muser.client.FakeServer.REGION_WRITE;
import static dev.muser.client.FakeServer.WRITE_MULTI;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.muser.device.Region;
import dev.muser.device.RegionInfo;
import dev.muser.device.VfioException;
import dev.muser.linux.Errno;
import dev.muser.linux.EventFd;
import dev.muser.linux.Fd;
import dev.muser.linux.MemoryFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;

class RegionTest {
    private final MemorySegment buffer = Arena.ofAuto().allocate(16384, 8);

    @Test
    void shouldReadARegionAsGoldenBytes() {
        var expected = Bytes.of().header(3, REGION_READ, 16, 0, 0).u64(0x10).u32(2).u32(4).array();
        try (var server =
                        FakeServer.negotiated(s -> {
                            var message = s.expect(REGION_READ);
                            assertThat(message.bytes()).isEqualTo(expected);
                            s.replyRead(message, new byte[] {1, 2, 3, 4});
                        });
                var device = server.connect()) {
            device.readRegion(2, 0x10, buffer, 8, 4);
            server.finish();
            assertThat(buffer.asSlice(8, 4).toArray(ValueLayout.JAVA_BYTE))
                    .containsExactly(1, 2, 3, 4);
        }
    }

    @Test
    void shouldWriteARegionAsGoldenBytes() {
        var expected =
                Bytes.of()
                        .header(3, REGION_WRITE, 18, 0, 0)
                        .u64(0x44)
                        .u32(0)
                        .u32(2)
                        .u8(0xab)
                        .u8(0xcd)
                        .array();
        buffer.set(ValueLayout.JAVA_BYTE, 5, (byte) 0xab);
        buffer.set(ValueLayout.JAVA_BYTE, 6, (byte) 0xcd);
        try (var server =
                        FakeServer.negotiated(s -> {
                            var message = s.expect(REGION_WRITE);
                            assertThat(message.bytes()).isEqualTo(expected);
                            s.reply(message, Arrays.copyOf(message.payload(), 16));
                        });
                var device = server.connect()) {
            device.writeRegion(0, 0x44, buffer, 5, 2);
            server.finish();
        }
    }

    @Test
    void shouldSayWhatWasRefused() {
        try (var server = FakeServer.negotiated(s -> s.error(s.expect(REGION_READ), Errno.EINVAL));
                var device = server.connect()) {
            assertThatThrownBy(() -> device.readRegion(2, 0x10, buffer, 0, 4))
                    .isInstanceOfSatisfying(
                            VfioException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EINVAL))
                    .hasMessage("REGION_READ region 2 offset 0x10 count 4: EINVAL");
            assertThat(device.isConnected()).isTrue();
            server.finish();
        }
    }

    @Test
    void shouldTakeAnErrorWithoutNumberForEinval() {
        try (var server = FakeServer.negotiated(s -> s.error(s.expect(REGION_READ), 0));
                var device = server.connect()) {
            assertThatThrownBy(() -> device.readRegion(2, 0x10, buffer, 0, 4))
                    .isInstanceOfSatisfying(
                            VfioException.class,
                            e -> assertThat(e.errno()).isEqualTo(Errno.EINVAL));
        }
    }

    @Test
    void shouldSplitWhatIsLargerThanOneTransfer() {
        try (var server =
                        FakeServer.negotiated(
                                "\"max_data_xfer_size\":4096",
                                s -> {
                                    for (int i = 0; i < 3; i++) {
                                        var message = s.expect(REGION_READ);
                                        assertThat(message.body().getLong(0))
                                                .isEqualTo(0x100 + i * 4096L);
                                        int count = message.body().getInt(12);
                                        assertThat(count).isEqualTo(i < 2 ? 4096 : 1808);
                                        var data = new byte[count];
                                        Arrays.fill(data, (byte) (i + 1));
                                        s.replyRead(message, data);
                                    }
                                    for (int i = 0; i < 3; i++) {
                                        var message = s.expect(REGION_WRITE);
                                        assertThat(message.payload()[16]).isEqualTo((byte) (i + 1));
                                        s.reply(message, Arrays.copyOf(message.payload(), 16));
                                    }
                                });
                var device = server.connect()) {
            device.readRegion(1, 0x100, buffer, 0, 10000);
            assertThat(buffer.get(ValueLayout.JAVA_BYTE, 4095)).isEqualTo((byte) 1);
            assertThat(buffer.get(ValueLayout.JAVA_BYTE, 8191)).isEqualTo((byte) 2);
            assertThat(buffer.get(ValueLayout.JAVA_BYTE, 9999)).isEqualTo((byte) 3);
            device.writeRegion(1, 0x100, buffer, 0, 10000);
            server.finish();
        }
    }

    @Test
    void shouldSayWhenTheServerReadLessThanWasAsked() {
        try (var server =
                        FakeServer.negotiated(
                                s -> s.replyRead(s.expect(REGION_READ), new byte[] {1, 2}));
                var device = server.connect()) {
            assertThatThrownBy(() -> device.readRegion(2, 0x10, buffer, 0, 4))
                    .isInstanceOfSatisfying(
                            VfioException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EIO))
                    .hasMessageContaining("the server did 2 bytes of it");
        }
    }

    @Test
    void shouldSendPostedWritesToBarsWithoutReplyAndConfigWritesWithOne() {
        try (var server =
                        FakeServer.negotiated(s -> {
                            assertThat(s.expect(REGION_WRITE).flags()).isEqualTo(NO_REPLY);
                            var config = s.expect(REGION_WRITE);
                            assertThat(config.flags()).isZero();
                            s.reply(config, Arrays.copyOf(config.payload(), 16));
                        });
                var device = server.connect(ClientOptions.DEFAULTS.withPostedWrites(true))) {
            device.writeRegion(Region.BAR0, 0, buffer, 0, 4);
            device.writeRegion(Region.CONFIG, 4, buffer, 0, 2);
            server.finish();
        }
    }

    @Test
    void shouldSendABatchOfWritesInOneMessageWhereAgreed() {
        var expected =
                Bytes.of()
                        .header(3, WRITE_MULTI, 8 + 2 * 24, 0, 0)
                        .u64(2)
                        .u64(0x1000)
                        .u32(0)
                        .u32(4)
                        .u64(0x11223344)
                        .u64(0x20)
                        .u32(4)
                        .u32(8)
                        .u64(0x8877665544332211L)
                        .array();
        try (var server =
                        FakeServer.negotiated(
                                "\"write_multiple\":true",
                                s -> {
                                    var message = s.expect(WRITE_MULTI);
                                    assertThat(message.bytes()).isEqualTo(expected);
                                    s.reply(message, Bytes.of().u64(2).array());
                                    assertThat(s.expect(WRITE_MULTI).flags()).isEqualTo(NO_REPLY);
                                });
                var device = server.connect()) {
            var batch = device.writeBatch(4);
            batch.write32(0, 0x1000, 0x11223344).write64(4, 0x20, 0x8877665544332211L).send();
            assertThat(batch.size()).isZero();
            batch.write8(0, 0, 1).post();
            server.finish();
        }
    }

    @Test
    void shouldSendABatchOfWritesSinglyWhereNotAgreed() {
        try (var server =
                        FakeServer.negotiated(s -> {
                            for (int i = 0; i < 2; i++) {
                                var message = s.expect(REGION_WRITE);
                                assertThat(message.payload())
                                        .isEqualTo(
                                                Bytes.of().u64(i).u32(0).u32(1).u8(7 + i).array());
                                s.reply(message, Arrays.copyOf(message.payload(), 16));
                            }
                        });
                var device = server.connect()) {
            device.writeBatch(2).write8(0, 0, 7).write8(0, 1, 8).send();
            server.finish();
        }
    }

    @Test
    void shouldDescribeARegionWithoutMappableParts() {
        try (var server =
                        FakeServer.negotiated(s -> {
                            var message = s.expect(GET_REGION_INFO);
                            assertThat(message.payload())
                                    .isEqualTo(info(32, 0, 7, 0, 0, 0).array());
                            s.reply(message, info(32, 3, 7, 0, 256, 0).array());
                        });
                var device = server.connect()) {
            assertThat(device.regionInfo(7)).isEqualTo(RegionInfo.of(256, true, true));
            server.finish();
            assertThat(device.regionInfo(7)).as("known by now").isNotNull();
            assertThatThrownBy(() -> device.regionInfo(9)).isInstanceOf(VfioException.class);
        }
    }

    @Test
    void shouldAskAgainForSparseAreasAndTakeTheirFile() {
        OpenDescriptors.assertNoneLeak(() -> {
            try (var file = MemoryFile.create("test", 0x5000);
                    var server = FakeServer.negotiated(s -> describeSparse(s, file, 1));
                    var device = server.connect()) {
                var info = device.regionInfo(0);
                server.finish();
                assertThat(info.areas())
                        .containsExactly(
                                new RegionInfo.Area(0x1000, 0x1000),
                                new RegionInfo.Area(0x3000, 0x1000));
                assertThat(info.offset()).isEqualTo(0x1000);
                assertThat(info.file()).isNotNull();
            }
        });
    }

    private static Bytes info(int argsz, int flags, int index, int caps, long size, long offset) {
        return Bytes.of().u32(argsz).u32(flags).u32(index).u32(caps).u64(size).u64(offset);
    }

    private static void describeSparse(FakeServer s, Fd file, int descriptors) {
        s.reply(s.expect(GET_REGION_INFO), info(80, 7, 0, 0, 0x4000, 0).array());
        var second = s.expect(GET_REGION_INFO);
        assertThat(second.body().getInt(0)).isEqualTo(80);
        var chain =
                info(80, 15, 0, 32, 0x4000, 0x1000)
                        .u16(1)
                        .u16(1)
                        .u32(0)
                        .u32(2)
                        .u32(0)
                        .u64(0x3000)
                        .u64(0x1000)
                        .u64(0x1000)
                        .u64(0x1000);
        var fds = new Fd[descriptors];
        Arrays.fill(fds, file);
        s.reply(second, chain.array(), List.of(fds));
    }

    @Test
    void shouldRefuseARegionWithTwoDescriptors() {
        OpenDescriptors.assertNoneLeak(() -> {
            try (var file = MemoryFile.create("test", 0x5000);
                    var server = FakeServer.negotiated(s -> describeSparse(s, file, 2));
                    var device = server.connect()) {
                assertThatThrownBy(() -> device.regionInfo(0))
                        .isInstanceOf(DisconnectedException.class)
                        .hasMessageContaining("number of descriptors");
                server.finish();
            }
        });
    }

    @Test
    void shouldRefuseRegionCapabilitiesThatPointAtThemselves() {
        assertRegionRefused(s -> {
            s.reply(s.expect(GET_REGION_INFO), info(48, 7, 0, 0, 0x4000, 0).array());
            s.reply(
                    s.expect(GET_REGION_INFO),
                    info(48, 15, 0, 32, 0x4000, 0).u16(2).u16(1).u32(32).u64(0).array());
        });
    }

    @Test
    void shouldRefuseAHugeRegionDescription() {
        assertRegionRefused(s ->
                s.reply(s.expect(GET_REGION_INFO), info(0x7fff_ffff, 7, 0, 0, 0x4000, 0).array()));
    }

    @Test
    void shouldRefuseTheDescriptionOfAnotherRegion() {
        assertRegionRefused(
                s -> s.reply(s.expect(GET_REGION_INFO), info(32, 3, 1, 0, 0x4000, 0).array()));
    }

    private static void assertRegionRefused(FakeServer.Script script) {
        try (var server = FakeServer.negotiated(script);
                var device = server.connect()) {
            assertThatThrownBy(() -> device.regionInfo(0))
                    .isInstanceOf(DisconnectedException.class)
                    .hasMessageContaining("the server broke the protocol");
            assertThatThrownBy(device::reset)
                    .as("every later call says so")
                    .isInstanceOf(DisconnectedException.class)
                    .hasMessageContaining("the server broke the protocol");
            server.finish();
        }
    }

    @Test
    void shouldGiveOutTheDescriptorsThatStandForWrites() {
        OpenDescriptors.assertNoneLeak(() -> {
            try (var eventFd = EventFd.create();
                    var server = FakeServer.negotiated(s -> describeIoFds(s, eventFd));
                    var device = server.connect()) {
                var fds = device.ioEventFds(0);
                server.finish();
                assertThat(fds).hasSize(2);
                assertThat(fds.get(0).offset()).isEqualTo(0x1000);
                assertThat(fds.get(0).size()).isEqualTo(4);
                assertThat(fds.get(0).dataMatch()).hasValue(7);
                assertThat(fds.get(1).eventFd()).isNull();
                assertThat(fds.get(1).dataMatch()).isEmpty();
                var given = fds.get(0).eventFd();
                assertThat(given).isNotNull();
                EventFd.signal(Objects.requireNonNull(given));
                assertThat(EventFd.take(eventFd)).isEqualTo(1);
            }
        });
    }

    /** Entries of 40 bytes, as the specification has them. */
    private static void describeIoFds(FakeServer s, Fd eventFd) {
        s.reply(s.expect(FakeServer.GET_IO_FDS), Bytes.of().u32(96).u32(0).u32(0).u32(2).array());
        var second = s.expect(FakeServer.GET_IO_FDS);
        assertThat(second.body().getInt(0)).isEqualTo(96);
        s.reply(
                second,
                Bytes.of()
                        .u32(96)
                        .u32(0)
                        .u32(0)
                        .u32(2)
                        .u64(0x1000)
                        .u64(4)
                        .u32(0)
                        .u32(0)
                        .u32(1)
                        .u32(0)
                        .u64(7)
                        .u64(0x2000)
                        .u64(0)
                        .u32(0xffffffffL)
                        .u32(0)
                        .u32(0)
                        .u32(0)
                        .u64(0)
                        .array(),
                List.of(eventFd));
    }
}
