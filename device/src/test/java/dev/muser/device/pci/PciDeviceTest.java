package dev.muser.device.pci;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.muser.device.ClientKind;
import dev.muser.device.DeviceInfo;
import dev.muser.device.DmaAccess;
import dev.muser.device.Irq;
import dev.muser.device.IrqAction;
import dev.muser.device.IrqInfo;
import dev.muser.device.ManualLoop;
import dev.muser.device.Region;
import dev.muser.device.RegionInfo;
import dev.muser.device.ResetKind;
import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import dev.muser.linux.MemoryFile;
import dev.muser.linux.Pipe;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PciDeviceTest {
    private final List<String> events = new ArrayList<>();
    private final DeviceFixture fixture = new DeviceFixture(this::make);

    private Device make(DeviceContext context) {
        context.identity(0x1234, 0x5678);
        context.bar(0, 0x1000).memory("ram", 0, 0x1000);
        context.bar(1, 0x1000).readOnly();
        context.bar(2, 0x1000).writeOnly();
        context.bar(3, 0x1_0000);
        context.intx();
        context.errorSignal();
        context.capability(new Msi(16));
        context.capability(new MsiX(2048, 3));
        return new Device() {
            @Override
            public void reset(ResetKind kind) {
                events.add("reset " + kind);
            }

            @Override
            public void attached(ClientKind kind) {
                if (kind != ClientKind.UNKNOWN) {
                    events.add("attached " + kind);
                }
            }

            @Override
            public void dmaMapped(long iova, long size, DmaAccess access) {
                events.add("mapped %x %x %s".formatted(iova, size, access));
            }

            @Override
            public void dmaUnmapped(long iova, long size) {
                events.add("unmapped %x %x".formatted(iova, size));
            }

            @Override
            public void close() {
                events.add("close");
            }
        };
    }

    @AfterEach
    void close() {
        fixture.close();
    }

    @Test
    void shouldSayWhatItIs() {
        var device = fixture.device;
        assertThat(device.info()).isEqualTo(new DeviceInfo(true, true, 9, 5));
        assertThat(device.regionInfo(Region.BAR0)).isEqualTo(RegionInfo.of(0x1000, true, true));
        assertThat(device.regionInfo(Region.BAR1)).isEqualTo(RegionInfo.of(0x1000, true, false));
        assertThat(device.regionInfo(Region.BAR2)).isEqualTo(RegionInfo.of(0x1000, false, true));
        assertThat(device.regionInfo(Region.CONFIG)).isEqualTo(RegionInfo.of(256, true, true));
        for (int absent : new int[] {Region.BAR4, Region.BAR5, Region.ROM, Region.VGA}) {
            assertThat(device.regionInfo(absent)).isEqualTo(RegionInfo.ABSENT);
        }
        assertThat(device.irqInfo(Irq.INTX)).isEqualTo(new IrqInfo(1, true, true, true, false));
        assertThat(device.irqInfo(Irq.MSI)).isEqualTo(new IrqInfo(16, true, false, false, false));
        assertThat(device.irqInfo(Irq.MSIX))
                .isEqualTo(new IrqInfo(2048, true, false, false, false));
        assertThat(device.irqInfo(Irq.ERR)).isEqualTo(new IrqInfo(1, true, false, false, false));
        assertThat(device.irqInfo(Irq.REQ)).isEqualTo(new IrqInfo(0, true, false, false, false));
        assertThat(device.ioEventFds(Region.BAR0)).isEmpty();
        assertThat(device.hasOwnStream()).isFalse();
    }

    @ParameterizedTest
    @ValueSource(ints = {-1, 9, Integer.MAX_VALUE, Integer.MIN_VALUE})
    void shouldRefuseRegionIndexesThatPciDoesNotHave(int index) {
        var device = fixture.device;
        assertThat(DeviceFixture.errno(() -> device.regionInfo(index))).isEqualTo(Errno.EINVAL);
        assertThat(DeviceFixture.errno(() -> device.ioEventFds(index))).isEqualTo(Errno.EINVAL);
        assertThat(DeviceFixture.errno(() -> fixture.read(index, 0, 0))).isEqualTo(Errno.EINVAL);
        assertThat(DeviceFixture.errno(() -> fixture.write(index, 0, 0, 0)))
                .isEqualTo(Errno.EINVAL);
    }

    @ParameterizedTest
    @CsvSource({
        "0, 0x1000, 1",
        "0, 0xfff, 2",
        "0, 0x1001, 0",
        "0, 0, 0x1001",
        "0, -1, 1",
        "0, -1, 2",
        "0, 0x7fffffffffffffff, 0x7fffffff",
        "0, -0x8000000000000000, 4",
        "0, 0, -1",
        "0, 0xffffffff, 4",
        "0, 0x100000000, 4",
        "7, 0x100, 1",
        "7, 0xfd, 4",
        "4, 0, 1",
        "4, 0, 0",
        "6, 0, 1",
        "8, 0, 1"
    })
    void shouldRefuseAccessesThatLeaveTheRegion(int region, String offset, String count) {
        long at = Long.decode(offset);
        int length = Integer.decode(count);
        var device = fixture.device;
        assertThat(
                        DeviceFixture.errno(
                                () -> device.readRegion(region, at, fixture.buffer, 0, length)))
                .isEqualTo(Errno.EINVAL);
        assertThat(
                        DeviceFixture.errno(
                                () -> device.writeRegion(region, at, fixture.buffer, 0, length)))
                .isEqualTo(Errno.EINVAL);
    }

    @Test
    void shouldAllowAccessesUpToTheRegionsEnd() {
        fixture.write(Region.BAR0, 0xff8, 8, 0x1122_3344_5566_7788L);
        assertThat(fixture.read(Region.BAR0, 0xffc, 4)).isEqualTo(0x1122_3344);
        assertThat(fixture.bytes(Region.BAR0, 0x1000, 0)).isEmpty();
        assertThat(fixture.bytes(Region.BAR0, 0, 0x1000)).endsWith(0x33, 0x22, 0x11);
    }

    @Test
    void shouldRefuseToReadAndWriteAgainstARegionsFlags() {
        assertThat(DeviceFixture.errno(() -> fixture.write(Region.BAR1, 0, 4, 0)))
                .isEqualTo(Errno.EINVAL);
        assertThat(DeviceFixture.errno(() -> fixture.read(Region.BAR2, 0, 4)))
                .isEqualTo(Errno.EINVAL);
        assertThat(fixture.read(Region.BAR1, 0, 4)).isZero();
        fixture.write(Region.BAR2, 0, 4, 1);
    }

    /** Index, start, count: none of them lies within the interrupts of the index. */
    @ParameterizedTest
    @CsvSource({
        "-1, 0, 1",
        "5, 0, 1",
        "2147483647, 0, 1",
        "0, 1, 1",
        "0, 0, 2",
        "0, 0, 0",
        "1, 16, 1",
        "1, 15, 2",
        "1, -1, 1",
        "2, 2047, 2",
        "2, 2048, 1",
        "2, 1, 2147483647",
        "2, 2147483647, 2147483647",
        "2, 0, -1",
        "3, 1, 1",
        "3, 0, 2",
        "4, 0, 1"
    })
    void shouldRefuseInterruptsThatAreNotThere(int index, int start, int count) {
        var device = fixture.device;
        for (var action : IrqAction.values()) {
            assertThat(DeviceFixture.errno(() -> device.setIrqs(index, action, start, count)))
                    .isEqualTo(Errno.EINVAL);
            assertThat(
                            DeviceFixture.errno(
                                    () -> device.clearIrqEventFds(index, action, start, count)))
                    .isEqualTo(Errno.EINVAL);
            if (count >= 0 && count < 3) {
                var given = new ArrayList<Fd>();
                for (int i = 0; i < count; i++) {
                    given.add(fixture.eventFd());
                }
                assertThat(
                                DeviceFixture.errno(
                                        () -> device.setIrqEventFds(index, action, start, given)))
                        .isEqualTo(Errno.EINVAL);
                assertThat(given).noneMatch(Fd::isOpen);
                assertThat(
                                DeviceFixture.errno(() ->
                                        device.setIrqs(index, action, start, new boolean[count])))
                        .isEqualTo(Errno.EINVAL);
            }
        }
    }

    @Test
    void shouldOnlyTriggerErrors() {
        for (var action : List.of(IrqAction.MASK, IrqAction.UNMASK)) {
            assertThat(DeviceFixture.errno(() -> fixture.device.setIrqs(Irq.ERR, action, 0, 1)))
                    .isEqualTo(Errno.EINVAL);
            assertThat(DeviceFixture.errno(() -> fixture.install(Irq.ERR, action, 0)))
                    .isEqualTo(Errno.EINVAL);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {-1, 4, 5})
    void shouldRefuseToDisableWhatIsNotThere(int index) {
        assertThat(DeviceFixture.errno(() -> fixture.device.disableIrqs(index)))
                .isEqualTo(Errno.EINVAL);
    }

    @Test
    void shouldRefuseDescriptorsThatAreNoEventFdsAndInstallNone() {
        var memory = MemoryFile.create("test", 4096);
        try (var pipe = Pipe.create()) {
            for (var wrong : List.of(memory, pipe.sink().duplicate())) {
                var good = fixture.eventFd();
                var given = List.of(good.duplicate(), wrong);
                assertThat(
                                DeviceFixture.errno(() ->
                                        fixture.device.setIrqEventFds(
                                                Irq.MSIX, IrqAction.TRIGGER, 0, given)))
                        .isEqualTo(Errno.EINVAL);
                assertThat(given).noneMatch(Fd::isOpen);
                fixture.device.setIrqs(Irq.MSIX, IrqAction.TRIGGER, 0, 2);
                assertThat(DeviceFixture.signals(good)).isZero();
            }
        }
    }

    @Test
    void shouldTellTheDeviceWhyItIsReset() {
        fixture.write(Region.BAR0, 0, 4, 7);
        fixture.device.reset();
        assertThat(fixture.read(Region.BAR0, 0, 4)).isZero();
        fixture.write(Region.BAR0, 0, 4, 7);
        fixture.device.detach();
        fixture.device.detach();
        fixture.device.attach(null);
        assertThat(fixture.read(Region.BAR0, 0, 4)).isZero();
        assertThat(events).containsExactly("reset DEVICE", "reset LOST_CLIENT");
    }

    @Test
    void shouldKeepRegistersOfALostClientWhenTheAuthorWantsThat() {
        try (var other =
                DeviceFixture.of(context -> {
                    context.bar(0, 0x1000).memory("ram", 0, 0x1000);
                    context.resetOnLostClient(false);
                })) {
            other.write(Region.BAR0, 0, 4, 7);
            other.writeConfig(0x3c, 1, 0x0b);
            other.device.detach();
            other.device.attach(null);
            assertThat(other.read(Region.BAR0, 0, 4)).isEqualTo(7);
            assertThat(other.config(0x3c, 1)).isEqualTo(0x0b);
            other.device.reset();
            assertThat(other.read(Region.BAR0, 0, 4)).isZero();
        }
    }

    @Test
    void shouldRefuseResetWhenTheAuthorSaysSo() {
        try (var other = DeviceFixture.of(DeviceContext::notResettable)) {
            assertThat(other.device.info().resettable()).isFalse();
            assertThat(DeviceFixture.errno(other.device::reset)).isEqualTo(Errno.EINVAL);
        }
    }

    @Test
    void shouldTellTheDeviceOfClientMemoryAndDropItWithTheClient() {
        fixture.device.mapDma(0x1000, 0x2000, DmaAccess.READ_WRITE, null, 0);
        fixture.device.mapDma(0x8000, 0x1000, DmaAccess.READ, null, 0);
        fixture.device.unmapDma(0x1000, 0x2000);
        assertThat(DeviceFixture.errno(() -> fixture.device.unmapDma(0x1000, 0x2000)))
                .isEqualTo(Errno.ENOENT);
        fixture.device.detach();
        assertThat(events)
                .containsExactly(
                        "mapped 1000 2000 READ_WRITE",
                        "mapped 8000 1000 READ",
                        "unmapped 1000 2000",
                        "unmapped 8000 1000",
                        "reset LOST_CLIENT");
    }

    @Test
    void shouldObeyTheLimitsOfClientMemory() {
        assertThat(fixture.device.maxDmaMaps()).isEqualTo(65535);
        try (var other = DeviceFixture.of(c -> c.dmaLimits(1, 0x1000))) {
            assertThat(other.device.maxDmaMaps()).isEqualTo(1);
            assertThat(
                            DeviceFixture.errno(
                                    () -> other.device.mapDma(0, 0x1001, DmaAccess.READ, null, 0)))
                    .isEqualTo(Errno.ENOSPC);
            other.device.mapDma(0, 0x1000, DmaAccess.READ, null, 0);
            assertThat(
                            DeviceFixture.errno(() ->
                                    other.device.mapDma(0x1000, 0x1000, DmaAccess.READ, null, 0)))
                    .isEqualTo(Errno.EINVAL);
        }
    }

    @Test
    void shouldEndTheSessionOnceWhenClosed() {
        fixture.device.close();
        fixture.device.close();
        assertThat(events).containsExactly("reset LOST_CLIENT", "close");
    }

    @Test
    void shouldCloseADeviceWhoseDeclarationsCannotBe() {
        assertThatIllegalArgumentException()
                .isThrownBy(() ->
                        new DeviceFixture(context -> {
                            context.bar(5, 0x1000).wide();
                            return make(context);
                        }))
                .withMessageContaining("BAR5");
        assertThat(events).containsExactly("close");
    }

    @Test
    void shouldTellTheDeviceWhatKindOfClientItHas() {
        fixture.device.detach();
        events.clear();
        fixture.device.attach(null, ClientKind.VIRTUAL_MACHINE);
        assertThat(events).containsExactly("attached VIRTUAL_MACHINE");
    }

    @Test
    void shouldRefuseASecondClient() {
        assertThatIllegalStateException().isThrownBy(() -> fixture.device.attach(null));
    }

    @Test
    void shouldRefuseDeclarationsAfterConstruction() {
        var kept = new DeviceContext[1];
        try (var other = DeviceFixture.of(c -> kept[0] = c)) {
            var context = kept[0];
            assertThat(other.device.info().pci()).isTrue();
            List<Consumer<DeviceContext>> late =
                    List.of(
                            c -> c.identity(1, 2),
                            c -> c.revision(1),
                            c -> c.bar(0, 4096),
                            c -> c.rom(new byte[1]),
                            c -> c.capability(new PowerManagement()),
                            c -> c.capability(new DeviceSerialNumber(1)),
                            c -> c.intx(),
                            c -> c.interrupt(0),
                            c -> c.errorSignal(),
                            c -> c.dmaLimits(1, 1),
                            c -> c.state().field("late", Width.U8));
            for (var declaration : late) {
                assertThatIllegalStateException().isThrownBy(() -> declaration.accept(context));
            }
        }
    }

    @Test
    void shouldRefuseToDeclareThingsTwice() {
        List<Consumer<DeviceContext>> twice =
                List.of(
                        c -> c.bar(0, 4096),
                        c -> c.rom(new byte[1]),
                        c -> c.capability(new Msi(1)),
                        c -> c.state().field("own", Width.U8));
        for (var declaration : twice) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() ->
                            DeviceFixture.of(c -> declaration.andThen(declaration).accept(c)));
        }
    }

    @Test
    void shouldAllocateNothingOnRegionAccess() {
        var device = fixture.device;
        assertThat(
                        Allocation.of(() -> {
                            for (int i = 0; i < 20_000; i++) {
                                device.readRegion(0, i & 0xff0, fixture.buffer, 0, 4);
                                device.writeRegion(0, i & 0xff0, fixture.buffer, 0, 4);
                                device.readRegion(7, 0x3c, fixture.buffer, 0, 1);
                                device.writeRegion(7, 0x3c, fixture.buffer, 0, 1);
                                device.writeRegion(3, i & 0x7ff0, fixture.buffer, 0, 4);
                            }
                        }))
                .isZero();
    }

    @Test
    void shouldMakeAThousandDevicesInLittleTime() {
        var loop = new ManualLoop();
        var devices = new ArrayList<PciDevice>();
        for (int i = 0; i < 1000; i++) {
            devices.add(PciDevice.create(DeviceFixture.plain(this::large), loop));
        }
        assertThat(devices).allMatch(d -> d.irqInfo(Irq.MSIX).count() == 2048);
        devices.forEach(PciDevice::close);
    }

    private void large(DeviceContext context) {
        context.bar(3, 0x1_0000);
        context.capability(new MsiX(2048, 3));
        context.capability(new PciExpress());
        context.capability(new DeviceSerialNumber(1));
    }
}
