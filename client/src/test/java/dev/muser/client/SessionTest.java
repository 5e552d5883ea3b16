package dev.muser.client;

import static dev.muser.client.FakeServer.DMA_MAP;
import static dev.muser.client.FakeServer.DMA_UNMAP;
import static dev.muser.client.FakeServer.FEATURE;
import static dev.muser.client.FakeServer.GET_IRQ_INFO;
import static dev.muser.client.FakeServer.MIG_READ;
import static dev.muser.client.FakeServer.MIG_WRITE;
import static dev.muser.client.FakeServer.RESET;
import static dev.muser.client.FakeServer.SET_IRQS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.muser.device.DeviceInfo;
import dev.muser.device.DmaAccess;
import dev.muser.device.Irq;
import dev.muser.device.IrqAction;
import dev.muser.device.IrqInfo;
import dev.muser.device.MigrationState;
import dev.muser.device.VfioException;
import dev.muser.linux.Errno;
import dev.muser.linux.EventFd;
import dev.muser.linux.Fd;
import dev.muser.linux.Mapping;
import dev.muser.linux.MemoryFile;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Objects;
import org.junit.jupiter.api.Test;

/** Everything but regions: DMA mappings, interrupts, migration, reset. */
class SessionTest {
    @Test
    void shouldDescribeTheDeviceAndItsInterrupts() {
        try (var server =
                        FakeServer.negotiated(s ->
                                s.reply(
                                        s.expect(GET_IRQ_INFO),
                                        Bytes.of().u32(16).u32(7).u32(0).u32(1).array()));
                var device = server.connect()) {
            assertThat(device.info()).isEqualTo(new DeviceInfo(true, true, 9, 5));
            assertThat(device.irqInfo(Irq.INTX)).isEqualTo(new IrqInfo(1, true, true, true, false));
            assertThat(device.irqInfo(Irq.INTX).count()).as("asked once").isEqualTo(1);
            server.finish();
        }
    }

    @Test
    void shouldMapMemoryByPassingItsDescriptor() {
        OpenDescriptors.assertNoneLeak(() -> {
            var file = MemoryFile.create("test", 8192);
            try (var mine = Mapping.confined(file, 0, 8192, Mapping.Access.READ_WRITE);
                    var server = FakeServer.negotiated(SessionTest::mapAndLook);
                    var device = server.connect()) {
                mine.segment().set(ValueLayout.JAVA_INT, 4096, 0x5eed);
                device.mapDma(0x10000, 4096, DmaAccess.READ_WRITE, file, 4096);
                server.finish();
                assertThat(file.isOpen()).as("belongs to the device now").isFalse();
                assertThat(mine.segment().get(ValueLayout.JAVA_INT, 4100)).isEqualTo(0x600d);
            }
        });
    }

    private static void mapAndLook(FakeServer s) {
        var message = s.expect(DMA_MAP);
        assertThat(message.payload())
                .isEqualTo(Bytes.of().u32(32).u32(3).u64(4096).u64(0x10000).u64(4096).array());
        assertThat(message.descriptors()).hasSize(1);
        try (var fd = message.descriptors().getFirst();
                var memory = Mapping.confined(fd, 4096, 4096, Mapping.Access.READ_WRITE)) {
            assertThat(memory.segment().get(ValueLayout.JAVA_INT, 0)).isEqualTo(0x5eed);
            memory.segment().set(ValueLayout.JAVA_INT, 4, 0x600d);
        }
        s.reply(message, new byte[0]);
    }

    @Test
    void shouldCloseTheDescriptorOfARefusedMapping() {
        try (var server =
                        FakeServer.negotiated(s -> {
                            var message = s.expect(DMA_MAP);
                            message.descriptors().forEach(Fd::close);
                            s.error(message, Errno.EEXIST);
                        });
                var device = server.connect()) {
            var file = MemoryFile.create("test", 4096);
            assertThatThrownBy(() -> device.mapDma(0x1000, 4096, DmaAccess.READ, file, 0))
                    .isInstanceOf(VfioException.class)
                    .hasMessage("DMA_MAP address 0x1000 size 0x1000: EEXIST");
            assertThat(file.isOpen()).isFalse();
            server.finish();
        }
    }

    @Test
    void shouldUnmapEverythingByOneMessage() {
        var all = Bytes.of().u32(24).u32(2).u64(0).u64(0).array();
        try (var server =
                        FakeServer.negotiated(s -> {
                            var message = s.expect(DMA_UNMAP);
                            assertThat(message.payload()).isEqualTo(all);
                            s.reply(message, all);
                        });
                var device = server.connect()) {
            device.unmapAllDma();
            server.finish();
        }
    }

    @Test
    void shouldUnmapOneByOneWhereTheServerDoesNotKnowAll() {
        try (var server =
                        FakeServer.negotiated(s -> {
                            for (int i = 0; i < 2; i++) {
                                s.reply(s.expect(DMA_MAP), new byte[0]);
                            }
                            s.error(s.expect(DMA_UNMAP), Errno.EINVAL);
                            for (long address : new long[] {0x1000, 0x8000}) {
                                var message = s.expect(DMA_UNMAP);
                                assertThat(message.payload())
                                        .isEqualTo(
                                                Bytes.of()
                                                        .u32(24)
                                                        .u32(0)
                                                        .u64(address)
                                                        .u64(4096)
                                                        .array());
                                s.reply(message, message.payload());
                            }
                        });
                var device = server.connect()) {
            device.mapDma(0x8000, 4096, DmaAccess.READ, null, 0);
            device.mapDma(0x1000, 4096, DmaAccess.READ, null, 0);
            device.unmapAllDma();
            server.finish();
        }
    }

    @Test
    void shouldInstallEventFdsInPartsThatTheServerTakes() {
        OpenDescriptors.assertNoneLeak(() -> {
            try (var server =
                            FakeServer.negotiated(
                                    "\"max_msg_fds\":2", SessionTest::takeFiveEventFds);
                    var device = server.connect()) {
                var kept = new ArrayList<Fd>();
                var given = new ArrayList<Fd>();
                for (int i = 0; i < 5; i++) {
                    kept.add(EventFd.create());
                    given.add(kept.get(i).duplicate());
                }
                device.setIrqEventFds(Irq.MSIX, IrqAction.TRIGGER, 1, given);
                server.finish();
                assertThat(given).noneMatch(Fd::isOpen);
                for (int i = 0; i < 5; i++) {
                    assertThat(EventFd.take(kept.get(i))).isEqualTo(i + 1);
                    kept.get(i).close();
                }
            }
        });
    }

    /** Signals the eventfd of vector n so many times. */
    private static void takeFiveEventFds(FakeServer s) {
        for (int start : new int[] {1, 3, 5}) {
            int count = Math.min(2, 6 - start);
            var message = s.expect(SET_IRQS);
            assertThat(message.payload())
                    .isEqualTo(Bytes.of().u32(20).u32(0x24).u32(2).u32(start).u32(count).array());
            assertThat(message.descriptors()).hasSize(count);
            for (int i = 0; i < count; i++) {
                try (var fd = message.descriptors().get(i)) {
                    for (int n = 0; n < start + i; n++) {
                        EventFd.signal(fd);
                    }
                }
            }
            s.reply(message, new byte[0]);
        }
    }

    @Test
    void shouldActOnInterruptsAsGoldenBytes() {
        var none = Bytes.of().u32(20).u32(0x11).u32(0).u32(0).u32(1).array();
        var bools = Bytes.of().u32(23).u32(0x0a).u32(1).u32(4).u32(3).u8(1).u8(0).u8(1).array();
        var removed = Bytes.of().u32(20).u32(0x24).u32(1).u32(2).u32(3).array();
        var disabled = Bytes.of().u32(20).u32(0x21).u32(2).u32(0).u32(0).array();
        try (var server =
                        FakeServer.negotiated(s -> {
                            for (var bytes : new byte[][] {none, bools, removed, disabled}) {
                                var message = s.expect(SET_IRQS);
                                assertThat(message.payload()).isEqualTo(bytes);
                                s.reply(message, new byte[0]);
                            }
                        });
                var device = server.connect()) {
            device.setIrqs(Irq.INTX, IrqAction.UNMASK, 0, 1);
            device.setIrqs(Irq.MSI, IrqAction.MASK, 4, new boolean[] {true, false, true});
            device.clearIrqEventFds(Irq.MSI, IrqAction.TRIGGER, 2, 3);
            device.disableIrqs(Irq.MSIX);
            server.finish();
        }
    }

    @Test
    void shouldReset() {
        try (var server =
                        FakeServer.negotiated(s -> {
                            var message = s.expect(RESET);
                            assertThat(message.payload()).isEmpty();
                            s.reply(message, new byte[0]);
                        });
                var device = server.connect()) {
            device.reset();
            server.finish();
        }
    }

    @Test
    void shouldHaveNoMigrationWhereTheServerRefusesToSpeakOfIt() {
        try (var server = FakeServer.negotiated(s -> s.error(s.expect(FEATURE), Errno.ENOTTY));
                var device = server.connect()) {
            assertThat(device.migration()).isNull();
            server.finish();
            assertThat(device.migration()).as("asked once").isNull();
        }
    }

    @Test
    void shouldMigrateAsGoldenBytes() {
        try (var server = FakeServer.negotiated(SessionTest::migrate);
                var device = server.connect()) {
            var migration = Objects.requireNonNull(device.migration());
            assertThat(migration.preCopy()).isTrue();
            assertThat(migration.state()).isEqualTo(MigrationState.RUNNING);
            migration.moveTo(MigrationState.STOP_COPY);
            var buffer = Arena.ofAuto().allocate(64);
            assertThat(migration.read(buffer, 1, 8)).isEqualTo(3);
            assertThat(buffer.asSlice(1, 3).toArray(ValueLayout.JAVA_BYTE))
                    .containsExactly(7, 8, 9);
            assertThat(migration.read(buffer, 0, 8)).as("the end").isZero();
            migration.write(buffer, 1, 3);
            server.finish();
        }
    }

    private static void migrate(FakeServer s) {
        var feature = s.expect(FEATURE);
        assertThat(feature.payload()).isEqualTo(Bytes.of().u32(16).u32(0x10001).array());
        s.reply(feature, Bytes.of().u32(16).u32(0x10001).u64(5).array());
        var state = s.expect(FEATURE);
        assertThat(state.payload()).isEqualTo(Bytes.of().u32(16).u32(0x10002).array());
        s.reply(state, Bytes.of().u32(16).u32(0x10002).u32(2).u32(0).array());
        var move = s.expect(FEATURE);
        assertThat(move.payload())
                .isEqualTo(Bytes.of().u32(16).u32(0x20002).u32(3).u32(-1).array());
        s.reply(move, move.payload());
        var read = s.expect(MIG_READ);
        assertThat(read.payload()).isEqualTo(Bytes.of().u32(16).u32(8).array());
        // padded to what was asked for, as libvfio-user does
        s.reply(read, Arrays.copyOf(Bytes.of().u32(11).u32(3).u8(7).u8(8).u8(9).array(), 16));
        s.reply(s.expect(MIG_READ), Bytes.of().u32(8).u32(0).array());
        var write = s.expect(MIG_WRITE);
        assertThat(write.payload()).isEqualTo(Bytes.of().u32(11).u32(3).u8(7).u8(8).u8(9).array());
        s.reply(write, new byte[0]);
    }
}
