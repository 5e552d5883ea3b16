package dev.muser.device.pci;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.muser.device.ClientKind;
import dev.muser.device.IoEventFd;
import dev.muser.device.RegionInfo;
import dev.muser.device.VfioException;
import dev.muser.device.state.StateMismatchException;
import dev.muser.linux.Errno;
import dev.muser.linux.EventFd;
import dev.muser.linux.Mapping;
import dev.muser.linux.MemoryFile;
import dev.muser.service.DescriptorStore;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.OptionalLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Memory in BARs, areas, and what a BAR says of itself. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SAME_THREAD)
class BarTest {

    @AfterEach
    void shouldLeaveNothingOpenOrMapped() {
        assertThat(ProcessMaps.of("muser-bars")).isZero();
        assertThat(ProcessMaps.descriptors("muser-bars")).isZero();
    }

    @Test
    void shouldKeepPlainMemoryInTheDeviceStateAndZeroItAtReset() {
        try (var fixture = new BarFixture(0, 0x4000)) {
            var ram = fixture.bar.memory("RAM", 0x1000, 0x3000);
            fixture.start();
            fixture.write(0x1ffc, 8, 0x1122_3344_5566_7788L);
            assertThat(ram.get(0xffc, Width.U64)).isEqualTo(0x1122_3344_5566_7788L);
            assertThat(fixture.read(0x1ffc, 8)).isEqualTo(0x1122_3344_5566_7788L);
            fixture.write(0x3fff, 1, 9);
            fixture.bar.reset();
            assertThat(fixture.readBytes(0, 0x4000)).containsOnly(0);
        }
    }

    @Test
    void shouldLetOnlySuchClientsMapAsItsAuthorSays() {
        try (var fixture = new BarFixture(1, 0x4000)) {
            fixture.bar.mappable(0x1000, 0x1000);
            fixture.bar.mappable(0x2000, 0x1000).mappableFor(kind -> kind == ClientKind.DRIVER);
            fixture.start();
            var first = new RegionInfo.Area(0x1000, 0x1000);
            var second = new RegionInfo.Area(0x2000, 0x1000);
            assertThat(fixture.bar.info(ClientKind.DRIVER).areas()).containsExactly(first, second);
            assertThat(fixture.bar.info(ClientKind.VIRTUAL_MACHINE).areas()).containsExactly(first);
            assertThat(fixture.bar.info(ClientKind.UNKNOWN).areas()).containsExactly(first);
        }
    }

    @Test
    void shouldTellOfWritesByMessage() {
        try (var fixture = new BarFixture(0, 0x4000)) {
            var told = new ArrayList<String>();
            fixture.bar
                    .mappable(0x1000, 0x1000)
                    .onWrite((offset, count) -> told.add(offset + "+" + count));
            fixture.start();
            fixture.write(0x1008, 4, 1);
            fixture.write(0x1ffc, 8, 1);
            fixture.write(0x2000, 4, 1);
            fixture.read(0x1008, 4);
            assertThat(told).containsExactly("8+4", "4092+4");
        }
    }

    @Test
    void shouldShowTheSameBytesByMessageByMappingAndToTheDevice() {
        try (var fixture = new BarFixture(1, 0x4000)) {
            var memory = fixture.bar.mappable(0x1000, 0x2000);
            fixture.start();
            var info = fixture.bar.info();
            assertThat(info.offset()).isEqualTo(1L << 40);
            assertThat(info.areas()).containsExactly(new RegionInfo.Area(0x1000, 0x2000));
            var file = info.file();
            assertThat(file).isNotNull();
            if (file == null) {
                return;
            }
            try (var client =
                    Mapping.confined(
                            file, info.offset() + 0x1000, 0x2000, Mapping.Access.READ_WRITE)) {
                client.segment().set(ValueLayout.JAVA_INT, 0x10, 0x1234_5678);
                assertThat(fixture.read(0x1010, 4)).isEqualTo(0x1234_5678);
                assertThat(memory.segment().get(ValueLayout.JAVA_INT, 0x10)).isEqualTo(0x1234_5678);
                fixture.write(0x2ffb, 5, 0x55_4433_2211L);
                assertThat(client.segment().get(ValueLayout.JAVA_INT_UNALIGNED, 0x1ffb))
                        .isEqualTo(0x4433_2211);
                fixture.bar.reset();
                assertThat(client.segment().get(ValueLayout.JAVA_INT, 0x10)).isZero();
                assertThat(client.segment().get(ValueLayout.JAVA_BYTE, 0x1fff)).isZero();
            }
        }
    }

    @Test
    void shouldKeepMemoryOverResetWhenAskedTo() {
        try (var fixture = new BarFixture(0, 0x1000)) {
            fixture.bar.mappable(0, 0x1000).keepOnReset();
            fixture.start();
            fixture.write(0, 4, 7);
            fixture.bar.reset();
            assertThat(fixture.read(0, 4)).isEqualTo(7);
        }
    }

    /** BAR 2 of the conformance device. */
    @Test
    void shouldBackAWholeBarAndLetClientsMapPartsOfIt() {
        try (var fixture = new BarFixture(2, 0x8000)) {
            var bar = fixture.bar.fileOffset(0x8000);
            bar.backed(0, 0x8000).mappable(0x4000, 0x2000).mappable(0x2000, 0x1000);
            fixture.start();
            var info = bar.info();
            assertThat(info.offset()).isEqualTo(0x8000);
            assertThat(info.areas())
                    .containsExactly(
                            new RegionInfo.Area(0x2000, 0x1000),
                            new RegionInfo.Area(0x4000, 0x2000));
            fixture.write(0x7ffc, 4, 0xcafe_babeL);
            var file = fixture.memory.file();
            try (var all = Mapping.confined(file, 0x8000, 0x8000, Mapping.Access.READ)) {
                assertThat(all.segment().get(ValueLayout.JAVA_INT, 0x7ffc)).isEqualTo(0xcafe_babe);
            }
            assertThat(MemoryFile.seals(file))
                    .isEqualTo(
                            MemoryFile.SEAL_SHRINK | MemoryFile.SEAL_GROW | MemoryFile.SEAL_SEAL);
        }
    }

    @Test
    void shouldTakeOverTheMemoryOfAnEarlierProcess() {
        var state = new DeviceState();
        try (var first = new BarFixture(0, 0x1000)) {
            first.bar.mappable(0, 0x1000);
            first.start();
            first.write(8, 8, 42);
            first.store.put("bars", first.memory.file());
            try (var memory = new BarMemory(first.store)) {
                var bar = new Bar(0, 0x1000, state, memory);
                var bytes = bar.mappable(0, 0x1000);
                bar.seal();
                assertThat(bytes.segment().get(ValueLayout.JAVA_LONG, 8)).isEqualTo(42);
            }
            try (var memory = new BarMemory(first.store)) {
                var bar = new Bar(0, 0x2000, new DeviceState(), memory);
                bar.mappable(0, 0x2000);
                assertThatExceptionOfType(StateMismatchException.class).isThrownBy(bar::seal);
            }
        }
    }

    @Test
    void shouldNotMakeAFileForABarWithoutMappableMemory() {
        try (var fixture = new BarFixture(0, 0x100)) {
            fixture.start();
            assertThat(fixture.memory.fileOrNull()).isNull();
            assertThat(fixture.bar.info()).isEqualTo(RegionInfo.of(0x100, true, true));
        }
    }

    @Test
    void shouldSplitAccessesBetweenAreasRegistersAndHoles() {
        try (var fixture = new BarFixture(0, 0x40)) {
            var log = new StringBuilder();
            fixture.bar.holes(0xee).register("R", 4, Width.U32).reset(0x04030201).readWrite();
            fixture.bar.area(8, 8, new Echo(log, 0x10)).area(0x18, 8, new Echo(log, 0x20));
            fixture.start();
            assertThat(fixture.readBytes(2, 0x1a))
                    .containsExactly(
                            0xee, 0xee, 1, 2, 3, 4, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17,
                            0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0x20, 0x21, 0x22, 0x23);
            log.setLength(0);
            fixture.write(6, 4, 0xddcc_bbaaL);
            assertThat(log).hasToString("write 0+2 ");
            assertThat(fixture.bar.register("R").get()).isEqualTo(0xbbaa_0201L);
        }
    }

    private record Echo(StringBuilder log, int first) implements BarArea {
        @Override
        public void read(long offset, MemorySegment buffer, long at, int count) {
            log.append("read ").append(offset).append('+').append(count).append(' ');
            for (int i = 0; i < count; i++) {
                buffer.set(ValueLayout.JAVA_BYTE, at + i, (byte) (first + offset + i));
            }
        }

        @Override
        public void write(long offset, MemorySegment buffer, long at, int count) {
            log.append("write ").append(offset).append('+').append(count).append(' ');
        }
    }

    @Test
    void shouldListEventFdsNewestFirst() {
        try (var fixture = new BarFixture(4, 0x100);
                var a = EventFd.create();
                var b = EventFd.create()) {
            fixture.bar
                    .io()
                    .ioEventFd(0, 8, a, OptionalLong.empty())
                    .ioEventFd(8, 8, b, OptionalLong.empty())
                    .ioEventFd(16, 8, b, OptionalLong.of(0x55))
                    .ioEventFd(24, 8, null, OptionalLong.empty());
            assertThat(fixture.bar.ioEventFds())
                    .containsExactly(
                            new IoEventFd(24, 8, null, OptionalLong.empty()),
                            new IoEventFd(16, 8, b, OptionalLong.of(0x55)),
                            new IoEventFd(8, 8, b, OptionalLong.empty()),
                            new IoEventFd(0, 8, a, OptionalLong.empty()));
        }
    }

    @Test
    void shouldRefuseDirectionsThatAreTurnedOff() {
        try (var fixture = new BarFixture(0, 0x100);
                var other = new BarFixture(1, 0x100)) {
            fixture.bar.readOnly();
            other.bar.writeOnly();
            fixture.start();
            other.start();
            assertThat(fixture.bar.info().writable()).isFalse();
            assertThat(other.bar.info().readable()).isFalse();
            assertThat(fixture.read(0, 4)).isZero();
            assertThatExceptionOfType(VfioException.class)
                    .isThrownBy(() -> fixture.write(0, 4, 1))
                    .returns(Errno.EINVAL, VfioException::errno);
            assertThatExceptionOfType(VfioException.class)
                    .isThrownBy(() -> other.read(0, 4))
                    .returns(Errno.EINVAL, VfioException::errno);
        }
    }

    @Test
    void shouldEncodeTheKindOfBar() {
        try (var fixture = new BarFixture(0, 0x100)) {
            assertThat(fixture.bar.typeBits()).isZero();
            assertThat(fixture.bar.wide().typeBits()).isEqualTo(4);
            assertThat(fixture.bar.prefetchable().typeBits()).isEqualTo(12);
        }
        try (var fixture = new BarFixture(0, 0x100)) {
            assertThat(fixture.bar.io().typeBits()).isEqualTo(1);
        }
    }

    @Test
    void shouldRefuseSizesAndKindsThatPciDoesNotHave() {
        refusedAtStart("power of two", new BarFixture(0, 0x180));
        refusedAtStart("fewer than PCI allows", new BarFixture(0, 8));
        refusedAtStart("need wide()", new BarFixture(0, 1L << 32));
        var last = new BarFixture(5, 0x100);
        last.bar.wide();
        refusedAtStart("next index", last);
        var io = new BarFixture(0, 0x100);
        io.bar.io().prefetchable();
        refusedAtStart("I/O", io);
        assertThatIllegalArgumentException().isThrownBy(() -> new BarFixture(6, 16));
        assertThatIllegalArgumentException().isThrownBy(() -> new BarFixture(0, 0));
        try (var any = new BarFixture(0, 0x180)) {
            any.bar.allowAnySize();
            any.start();
            assertThat(any.bar.info().size()).isEqualTo(0x180);
        }
    }

    @Test
    void shouldRefusePlacesThatCannotBe() {
        try (var fixture = new BarFixture(0, 0x4000)) {
            var bar = fixture.bar;
            refused("beyond", () -> bar.memory("M", 0x3000, 0x1001));
            refused("within", () -> bar.area(-1, 4, new Echo(new StringBuilder(), 0)));
            refused("page", () -> bar.backed(0x800, 0x1000));
            refused("whole pages", () -> bar.mappable(0, 0x800));
            refused("multiple of 4096", () -> bar.fileOffset(5));
            refused("not a byte", () -> bar.holes(256));
            refused("beyond", () -> bar.ioEventFd(0x4000, 4, null, OptionalLong.empty()));
            var backed = bar.backed(0x1000, 0x2000);
            refused("outside", () -> backed.mappable(0, 0x1000));
            refused("outside", () -> backed.mappable(0x2000, 0x2000));
            backed.mappable(0x1000, 0x1000);
            refused("overlap", () -> backed.mappable(0x1000, 0x2000));
        }
    }

    @Test
    void shouldRefuseAreasThatOverlap() {
        var areas = new BarFixture(0, 0x100);
        areas.bar.memory("M", 0, 0x10);
        areas.bar.area(8, 0x10, new Echo(new StringBuilder(), 0));
        refusedAtStart("memory M and area of bar0 overlap at 0x8", areas);
        var register = new BarFixture(0, 0x100);
        register.bar.memory("M", 0, 0x10);
        register.bar.register("R", 0xc, Width.U32).readWrite();
        refusedAtStart("memory M and register R of bar0 overlap at 0xc", register);
        var before = new BarFixture(0, 0x100);
        before.bar.register("R", 8, Width.U64).readWrite();
        before.bar.memory("M", 0xc, 0x10);
        refusedAtStart("overlap at 0xc", before);
    }

    @Test
    void shouldRefuseBarsThatOverlapInTheFile() {
        try (var memory = new BarMemory(DescriptorStore.NONE)) {
            var state = new DeviceState();
            var first = new Bar(0, 0x2000, state, memory).fileOffset(0);
            var second = new Bar(1, 0x1000, state, memory).fileOffset(0x1000);
            first.mappable(0, 0x2000);
            second.mappable(0, 0x1000);
            refused("overlap in the device's memory file at 0x1000", first::seal);
        }
    }

    @Test
    void shouldRefuseUseOfMemoryOutsideItsLife() {
        BackedMemory memory;
        try (var fixture = new BarFixture(0, 0x1000)) {
            memory = fixture.bar.mappable(0, 0x1000);
            assertThatIllegalStateException()
                    .isThrownBy(memory::segment)
                    .withMessageContaining("still being constructed");
            fixture.start();
            assertThat(memory.segment().get(ValueLayout.JAVA_BYTE, 0)).isZero();
        }
        assertThatIllegalStateException()
                .isThrownBy(() -> memory.segment().get(ValueLayout.JAVA_BYTE, 0));
    }

    @Test
    void shouldAllocateNothingForAMillionAccessesThroughAreas() {
        try (var fixture = new BarFixture(0, 0x4000)) {
            fixture.bar.mappable(0x1000, 0x1000);
            fixture.bar.memory("M", 0x2000, 0x1000);
            fixture.bar.register("R", 0, Width.U32).readWrite();
            fixture.start();
            Runnable loop =
                    () -> {
                        for (int i = 0; i < 250_000; i++) {
                            fixture.bar.write(0x1000, fixture.buffer, 0, 4);
                            fixture.bar.read(0x1000, fixture.buffer, 0, 64);
                            fixture.bar.read(0x2000, fixture.buffer, 0, 8);
                            fixture.bar.read(0, fixture.buffer, 0, 4);
                        }
                    };
            assertThat(Allocation.of(loop)).isZero();
        }
    }

    private static void refusedAtStart(String words, BarFixture fixture) {
        try (fixture) {
            refused(words, fixture::start);
        }
    }

    private static void refused(String words, Runnable declaration) {
        assertThatIllegalArgumentException()
                .isThrownBy(declaration::run)
                .withMessageContaining(words);
    }
}
