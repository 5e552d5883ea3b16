package dev.muser.testkit.devices;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.muser.client.PciFunction;
import dev.muser.client.RemoteDevice;
import dev.muser.device.DmaAccess;
import dev.muser.device.Irq;
import dev.muser.device.IrqAction;
import dev.muser.device.MigrationState;
import dev.muser.device.RegionInfo;
import dev.muser.device.VfioException;
import dev.muser.devices.conformance.Conformance;
import dev.muser.linux.Errno;
import dev.muser.linux.EventFd;
import dev.muser.linux.MemoryFile;
import dev.muser.testkit.ServedDevice;
import java.lang.foreign.Arena;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The conformance device through a socket, line by line of its description. */
class ConformanceTest {
    private ServedDevice served;
    private RemoteDevice device;

    @BeforeEach
    void connect() {
        served = ServedDevice.start(Conformance::new);
        device = RemoteDevice.connect(served.socket());
    }

    @AfterEach
    void close() {
        device.close();
        served.close();
    }

    private String config(int offset, int count) {
        return read(7, offset, count);
    }

    private String read(int region, int offset, int count) {
        var buffer = Arena.ofAuto().allocate(count);
        device.readRegion(region, offset, buffer, 0, count);
        return HexFormat.of().formatHex(buffer.toArray(JAVA_BYTE));
    }

    private void write(int region, int offset, String hex) {
        var bytes = HexFormat.of().parseHex(hex);
        var buffer = Arena.ofAuto().allocateFrom(JAVA_BYTE, bytes);
        device.writeRegion(region, offset, buffer, 0, bytes.length);
    }

    @Test
    void shouldHaveTheIdentityThatIsWritten() {
        assertThat(device.regionInfo(7).size()).isEqualTo(4096);
        assertThat(config(0, 4)).isEqualTo("34127856");
        assertThat(config(8, 4)).isEqualTo("000201ff");
        assertThat(config(0x2c, 4)).isEqualTo("bc9af0de");
    }

    @Test
    void shouldHaveItsCapabilitiesInOrder() {
        assertThat(config(0x34, 1)).isEqualTo("40");
        assertThat(config(0x40, 2)).as("PM").isEqualTo("0148");
        assertThat(config(0x44, 2)).as("PMCSR").isEqualTo("0800");
        assertThat(config(0x48, 6)).as("vendor").isEqualTo("095006616263");
        assertThat(config(0x50, 2)).as("MSI").isEqualTo("0568");
        int msiControl = Integer.parseInt(config(0x52, 1), 16);
        assertThat((msiControl >> 1) & 7).as("multiple message capable").isEqualTo(4);
        assertThat(config(0x68, 2)).as("MSI-X").isEqualTo("1174");
        assertThat(config(0x6a, 2)).as("table size - 1").isEqualTo("ff07");
        assertThat(config(0x6c, 4)).as("table: BAR3 + 0").isEqualTo("03000000");
        assertThat(config(0x70, 4)).as("pending bits: BAR3 + 0x8000").isEqualTo("03800000");
        assertThat(config(0x74, 2)).as("PCI Express").isEqualTo("1000");
        assertThat(Integer.parseInt(config(0x7b, 1), 16) & 0x10).as("FLR").isEqualTo(0x10);
        assertThat(config(0x100, 12)).as("DSN").isEqualTo("030001000400000008000000");
        write(7, 0x4b, "000000");
        assertThat(config(0x48, 6)).as("vendor, after a write").isEqualTo("095006616263");
    }

    @Test
    void shouldHaveItsRegions() {
        assertThat(device.regionInfo(0)).isEqualTo(RegionInfo.of(0x1000, true, true));
        assertThat(device.regionInfo(1)).isEqualTo(RegionInfo.ABSENT);
        var bar2 = device.regionInfo(2);
        assertThat(bar2.size()).isEqualTo(0x8000);
        assertThat(bar2.offset()).isEqualTo(0x8000);
        assertThat(bar2.areas())
                .isEqualTo(
                        List.of(
                                new RegionInfo.Area(0x2000, 0x1000),
                                new RegionInfo.Area(0x4000, 0x2000)));
        assertThat(device.regionInfo(3)).isEqualTo(RegionInfo.of(0x10000, true, true));
        assertThat(device.regionInfo(4)).isEqualTo(RegionInfo.of(0x100, true, true));
        assertThat(Integer.parseInt(config(0x20, 1), 16) & 3).as("BAR4 is I/O").isEqualTo(1);
        assertThat(read(4, 0xfe, 2)).isEqualTo("4444");
    }

    @Test
    void shouldShowTheSameBytesOfBar2ByMessageAndByMapping() {
        try (var function = new PciFunction(device)) {
            var bar = function.bar(2);
            assertThat(bar.isMapped(0x2000)).isTrue();
            assertThat(bar.isMapped(0x3000)).isFalse();
            bar.write32(0x2abc & ~3, 0xdeadbeef);
            assertThat(read(2, 0x2abc & ~3, 4)).isEqualTo("efbeadde");
            write(2, 0x5ffc, "01020304");
            assertThat(bar.read32(0x5ffc)).isEqualTo(0x04030201);
            write(2, 0x1ffe, "aabbccdd"); // half of it in the mapping
            assertThat(bar.read16(0x2000)).isEqualTo(0xddcc);
            assertThat(read(2, 0x1ffe, 2)).isEqualTo("aabb");
        }
    }

    @Test
    void shouldZeroBar0ByEveryKindOfReset() {
        write(0, 0x123, "ff");
        device.reset();
        assertThat(read(0, 0x123, 1)).isEqualTo("00");
        write(0, 0x123, "ff");
        write(7, 0x7d, "80"); // device control, bit 15: initiate function-level reset
        assertThat(read(0, 0x123, 1)).isEqualTo("00");
        write(0, 0x123, "ff");
        assertThat(read(0, 0x123, 1)).isEqualTo("ff");
        device.close();
        device = RemoteDevice.connect(served.socket());
        assertThat(read(0, 0x123, 1)).isEqualTo("00");
    }

    @Test
    void shouldReportItsIoEventFdsNewestFirst() {
        var entries = device.ioEventFds(4);
        assertThat(entries).extracting(e -> e.offset()).containsExactly(24L, 16L, 8L, 0L);
        assertThat(entries).extracting(e -> e.size()).containsOnly(8L);
        assertThat(entries.get(0).eventFd()).isNull();
        assertThat(entries.get(1).dataMatch()).hasValue(0x55);
        assertThat(entries.get(1).eventFd()).isSameAs(entries.get(2).eventFd()).isNotNull();
        assertThat(entries.get(3).eventFd()).isNotNull().isNotSameAs(entries.get(2).eventFd());
        assertThat(entries.get(3).dataMatch()).isEmpty();
        assertThat(device.ioEventFds(0)).isEmpty();
    }

    @Test
    void shouldHaveItsInterrupts() {
        int[] counts = {1, 16, 2048, 1, 1};
        for (int index = 0; index < counts.length; index++) {
            assertThat(device.irqInfo(index).count()).isEqualTo(counts[index]);
        }
        try (var eventFd = EventFd.create()) {
            device.setIrqEventFds(Irq.MSIX, IrqAction.TRIGGER, 2047, List.of(eventFd.duplicate()));
            device.setIrqs(Irq.MSIX, IrqAction.TRIGGER, 2047, 1);
            assertThat(EventFd.take(eventFd)).isEqualTo(1);
        }
    }

    @Test
    void shouldLimitDmaToSixtyFourRegionsOfEightTebibytes() {
        for (int i = 0; i < 64; i++) {
            try (var memory = MemoryFile.create("test", 4096)) {
                device.mapDma(i * 0x10000L, 4096, DmaAccess.READ_WRITE, memory.duplicate(), 0);
            }
        }
        assertThatThrownBy(() -> device.mapDma(1L << 40, 4096, DmaAccess.READ_WRITE, null, 0))
                .isInstanceOfSatisfying(
                        VfioException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EINVAL));
        device.unmapAllDma();
        device.mapDma(0, 8L << 40, DmaAccess.READ_WRITE, null, 0);
        assertThatThrownBy(() ->
                        device.mapDma(1L << 60, (8L << 40) + 1, DmaAccess.READ_WRITE, null, 0))
                .isInstanceOfSatisfying(
                        VfioException.class, e -> assertThat(e.errno()).isEqualTo(Errno.ENOSPC));
    }

    @Test
    void shouldStreamTenThousandBytesAndTakeNoMore() {
        var migration = Objects.requireNonNull(device.migration());
        assertThat(migration.state()).isEqualTo(MigrationState.RUNNING);
        migration.moveTo(MigrationState.STOP_COPY);
        var buffer = Arena.ofAuto().allocate(4096);
        for (int round = 0; round < 2; round++) {
            int total = 0;
            for (int n = migration.read(buffer, 0, 4096); n > 0; ) {
                total += n;
                n = migration.read(buffer, 0, 4096);
            }
            assertThat(total).isEqualTo(10_000);
            migration.moveTo(MigrationState.STOP); // the position goes back
            migration.moveTo(MigrationState.STOP_COPY);
        }
        migration.moveTo(MigrationState.RESUMING);
        migration.write(buffer, 0, 4096);
        migration.write(buffer, 0, 4096);
        migration.write(buffer, 0, 10_000 - 8192);
        assertThatThrownBy(() -> migration.write(buffer, 0, 1))
                .isInstanceOfSatisfying(
                        VfioException.class, e -> assertThat(e.errno()).isEqualTo(Errno.ENOSPC));
        migration.moveTo(MigrationState.RUNNING);
    }

    @Test
    void shouldNotLeaveWithAPartOfAStream() {
        var migration = Objects.requireNonNull(device.migration());
        var buffer = Arena.ofAuto().allocate(4096);
        migration.moveTo(MigrationState.RESUMING);
        migration.write(buffer, 0, 4096);
        assertThatThrownBy(() -> migration.moveTo(MigrationState.STOP))
                .isInstanceOfSatisfying(
                        VfioException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EINVAL));
        assertThat(migration.state()).isEqualTo(MigrationState.RESUMING);
        device.reset();
        assertThat(migration.state()).isEqualTo(MigrationState.RUNNING);
        migration.moveTo(MigrationState.RESUMING);
        migration.moveTo(MigrationState.RUNNING); // nothing came
    }
}
