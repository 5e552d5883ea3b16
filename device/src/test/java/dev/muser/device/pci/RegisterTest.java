package dev.muser.device.pci;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.util.ArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Registers, as a driver sees them. */
class RegisterTest {
    private final BarFixture fixture = new BarFixture(2, 0x100);
    private final Bar bar = fixture.bar;

    @AfterEach
    void close() {
        fixture.close();
    }

    @Test
    void shouldGiveBackWhatWasWritten() {
        var register = bar.register("DATA", 0x10, Width.U32).readWrite();
        fixture.start();
        fixture.write(0x10, 4, 0x1234_5678);
        assertThat(fixture.read(0x10, 4)).isEqualTo(0x1234_5678);
        assertThat(register.get()).isEqualTo(0x1234_5678);
    }

    @Test
    void shouldKeepValuesInTheDeviceStateUnderTheirName() {
        bar.register("DATA", 0x10, Width.U32).readWrite();
        fixture.start();
        var entry = fixture.state.layout().entries().getFirst();
        fixture.write(0x10, 4, 0xdeadbeefL);
        assertThat(entry.name()).isEqualTo("bar2.DATA");
        assertThat(fixture.state.memory().get(StateLayout.U32, entry.offset()))
                .isEqualTo(0xdeadbeef);
    }

    @Test
    void shouldStartWithAndReturnToResetValue() {
        var register = bar.register("DATA", 0, Width.U16).reset(0xbeef).readWrite();
        fixture.start();
        assertThat(fixture.read(0, 2)).isEqualTo(0xbeef);
        fixture.write(0, 2, 1);
        bar.reset();
        assertThat(register.get()).isEqualTo(0xbeef);
    }

    @Test
    void shouldKeepBitsThatAreNotWritable() {
        bar.register("DATA", 0, Width.U32).reset(0xffff_0000L).writable(0x00ff_00ff).readWrite();
        fixture.start();
        fixture.write(0, 4, 0x1234_5678);
        assertThat(fixture.read(0, 4)).isEqualTo(0xff34_0078L);
    }

    @Test
    void shouldComputeReadOnlyRegistersAndIgnoreWrites() {
        var source = new long[] {5};
        var register = bar.register("IN", 1, Width.U8).readOnly(() -> source[0]);
        fixture.start();
        source[0] = 0x1ff;
        fixture.write(1, 1, 7);
        assertThat(fixture.read(1, 1)).isEqualTo(0xff);
        assertThatIllegalStateException()
                .isThrownBy(() -> register.set(1))
                .withMessageContaining("IN");
    }

    @Test
    void shouldLetTheDeviceAloneSetStoredReadOnlyRegisters() {
        var register = bar.register("STATUS", 0, Width.U32).readOnly();
        fixture.start();
        register.set(42);
        fixture.write(0, 4, 7);
        assertThat(fixture.read(0, 4)).isEqualTo(42);
    }

    @Test
    void shouldHandWrittenValuesToWriteOnlyRegistersAndReadThemAsZero() {
        var written = new ArrayList<Long>();
        var register = bar.register("DOORBELL", 8, Width.U32).writeOnly(written::add);
        fixture.start();
        fixture.write(8, 4, 0xffff_fff0L);
        assertThat(written).containsExactly(0xffff_fff0L);
        assertThat(fixture.read(8, 4)).isZero();
        assertThat(register.get()).isEqualTo(0xffff_fff0L);
    }

    @Test
    void shouldClearBitsByWritingOnes() {
        var register = bar.register("IRQ", 0, Width.U32).reset(0xff).writeOneToClear();
        fixture.start();
        fixture.write(0, 4, 0xffff_ff0fL);
        assertThat(register.get()).isEqualTo(0xf0);
    }

    @Test
    void shouldSetBitsByWritingOnes() {
        var register = bar.register("GO", 0, Width.U8).reset(0x80).writeOneToSet();
        fixture.start();
        fixture.write(0, 1, 0x03);
        assertThat(register.get()).isEqualTo(0x83);
    }

    @Test
    void shouldLeaveBytesThatAreNotWrittenAndSeeZerosThereForOnesToClear() {
        var plain = bar.register("DATA", 0, Width.U32).reset(0x1122_3344).readWrite();
        var irq = bar.register("IRQ", 4, Width.U32).reset(0xffff_ffffL).writeOneToClear();
        fixture.start();
        fixture.write(1, 1, 0xaa);
        fixture.write(6, 2, 0x00ff);
        assertThat(plain.get()).isEqualTo(0x1122_aa44);
        assertThat(irq.get()).isEqualTo(0xff00_ffffL);
    }

    @Test
    void shouldReadPartsOfRegisters() {
        bar.register("DATA", 8, Width.U64).reset(0x8877_6655_4433_2211L).readWrite();
        fixture.start();
        assertThat(fixture.read(8, 1)).isEqualTo(0x11);
        assertThat(fixture.read(10, 2)).isEqualTo(0x4433);
        assertThat(fixture.read(12, 4)).isEqualTo(0x8877_6655L);
        assertThat(fixture.read(9, 3)).isEqualTo(0x44_3322);
    }

    @Test
    void shouldSplitWideAccessesInAscendingOrder() {
        var order = new ArrayList<String>();
        bar.register("LOW", 0, Width.U32).onWrite(v -> order.add("low " + v)).readWrite();
        bar.register("HIGH", 4, Width.U32).onWrite(v -> order.add("high " + v)).readWrite();
        fixture.start();
        fixture.write(0, 8, 0x0000_0002_0000_0001L);
        assertThat(order).containsExactly("low 1", "high 2");
        assertThat(fixture.read(0, 8)).isEqualTo(0x0000_0002_0000_0001L);
        assertThat(fixture.read(2, 4)).isEqualTo(0x0002_0000);
    }

    @Test
    void shouldReadHolesAsZeroAndIgnoreWritesThere() {
        bar.register("A", 0, Width.U8).readWrite();
        bar.register("B", 8, Width.U8).readWrite();
        fixture.start();
        fixture.write(0, 8, -1);
        assertThat(fixture.read(0, 8)).isEqualTo(0xff);
        assertThat(fixture.read(0xf8, 8)).isZero();
    }

    @Test
    void shouldReadHolesAsTheByteThatIsSet() {
        bar.holes(0x44).register("A", 1, Width.U8).readWrite();
        fixture.start();
        assertThat(fixture.read(0, 4)).isEqualTo(0x4444_0044);
        assertThat(fixture.read(0x80, 8)).isEqualTo(0x4444_4444_4444_4444L);
    }

    @Test
    void shouldRunEffectsAfterTheStoreWithValuesBeforeAndAfter() {
        var seen = new ArrayList<Long>();
        var register = new Register[1];
        register[0] =
                bar.register("DATA", 0, Width.U32)
                        .reset(3)
                        .onWrite((before, now) -> {
                            seen.add(before);
                            seen.add(now);
                            seen.add(register[0].get());
                        })
                        .readWrite();
        fixture.start();
        fixture.write(0, 4, 9);
        fixture.write(0, 4, 9);
        assertThat(seen).containsExactly(3L, 9L, 9L, 9L, 9L, 9L);
    }

    @Test
    void shouldClearOnReadAndLetInspectorsLookWithoutClearing() {
        bar.register("COUNT", 0, Width.U16).reset(7).onRead(r -> r.set(0)).readOnly();
        fixture.start();
        assertThat(bar.snapshot().getFirst().value()).isEqualTo(7);
        assertThat(fixture.read(0, 2)).isEqualTo(7);
        assertThat(fixture.read(0, 2)).isZero();
    }

    @Test
    void shouldGiveFieldsTheirOwnModes() {
        var register =
                bar.register("CSR", 0, Width.U32)
                        .reset(0x0000_0f5aL)
                        .field("MODE", 0, 4)
                        .field("ERROR", 4, 4, RegisterMode.WRITE_ONE_TO_CLEAR)
                        .field("READY", 8, 4, RegisterMode.READ_ONLY)
                        .field("START", 12, 1, RegisterMode.WRITE_ONE_TO_SET)
                        .field("KEY", 16, 8, RegisterMode.WRITE_ONLY)
                        .readWrite();
        fixture.start();
        fixture.write(0, 4, 0x0042_1013);
        assertThat(register.field("MODE").get()).isEqualTo(3);
        assertThat(register.field("ERROR").get()).isEqualTo(4);
        assertThat(register.field("READY").get()).isEqualTo(0xf);
        assertThat(register.field("START").get()).isEqualTo(1);
        assertThat(register.field("KEY").get()).isEqualTo(0x42);
        assertThat(fixture.read(0, 4)).isEqualTo(0x0000_1f43);
        register.field("READY").set(0x5);
        assertThat(fixture.read(0, 4)).isEqualTo(0x0000_1543);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> register.field("NONE"))
                .withMessageContaining("MODE");
    }

    @Test
    void shouldRefuseAndCountWidthsThatARegisterDoesNotTake() {
        var register = bar.register("DATA", 0, Width.U32).access(Width.U32).readWrite();
        fixture.start();
        fixture.write(0, 4, 5);
        fixture.write(0, 1, 6);
        assertThat(fixture.read(0, 4)).isEqualTo(5);
        assertThat(fixture.read(2, 2)).isEqualTo(0xffff);
        assertThat(fixture.read(0, 8)).isEqualTo(5);
        assertThat(register.refused()).isEqualTo(2);
        assertThat(register.reads()).isEqualTo(3);
        assertThat(register.writes()).isEqualTo(2);
    }

    @Test
    void shouldRefuseWholeAccessWhenOnlyPartsAreAllowed() {
        var register = bar.register("DATA", 0, Width.U32).access(Width.U8).reset(7).readWrite();
        fixture.start();
        fixture.write(0, 4, 1);
        assertThat(fixture.read(0, 4)).isEqualTo(0xffff_ffffL);
        assertThat(fixture.read(0, 1)).isEqualTo(7);
        assertThat(register.refused()).isEqualTo(2);
    }

    @Test
    void shouldDeclareRegistersOfTheSameKind() {
        var written = new ArrayList<String>();
        var doorbells =
                bar.registers(
                        "TAIL",
                        0x40,
                        8,
                        4,
                        Width.U32,
                        (i, r) -> r.writeOnly(v -> written.add(i + "=" + v)));
        fixture.start();
        fixture.write(0x58, 4, 17);
        assertThat(written).containsExactly("3=17");
        assertThat(doorbells.get(3).name()).isEqualTo("TAIL[3]");
        assertThat(doorbells.get(3).offset()).isEqualTo(0x58);
    }

    @Test
    void shouldTellAnInspectorWhatADriverNeverTouched() {
        bar.register("B", 8, Width.U32).field("F", 4, 4).reset(0x50).readWrite();
        bar.register("A", 0, Width.U32).readWrite();
        fixture.start();
        fixture.read(0, 4);
        var snapshot = bar.snapshot();
        assertThat(snapshot).extracting(RegisterSnapshot::name).containsExactly("A", "B");
        assertThat(snapshot).extracting(RegisterSnapshot::touched).containsExactly(true, false);
        assertThat(snapshot.get(1).fields())
                .containsExactly(new RegisterSnapshot.Field("F", 4, 4, RegisterMode.READ_WRITE, 5));
    }

    @Test
    void shouldFindRegistersOfBanksThatAreTooLargeForATable() {
        try (var large = new BarFixture(0, 0x10000)) {
            large.bar.register("FIRST", 0, Width.U32).reset(1).readWrite();
            large.bar.register("LAST", 0xfff8, Width.U64).reset(2).readWrite();
            large.start();
            assertThat(large.read(0, 4)).isEqualTo(1);
            assertThat(large.read(4, 4)).isZero();
            assertThat(large.read(0xfff8, 8)).isEqualTo(2);
            large.write(0xfff4, 8, 0x0000_0007_0000_0000L);
            assertThat(large.read(0xfff8, 4)).isEqualTo(7);
        }
    }

    @Test
    void shouldRefuseDeclarationsThatCannotBe() {
        bar.register("A", 4, Width.U32).readWrite();
        refused("twice", () -> bar.register("A", 8, Width.U32));
        refused("aligned", () -> bar.register("B", 2, Width.U32));
        refused("beyond", () -> bar.register("C", 0x100, Width.U8));
        refused("beyond", () -> bar.register("D", 0xf9, Width.U64));
        refused("reset value", () -> bar.register("E", 0, Width.U8).reset(0x100));
        refused("writable mask", () -> bar.register("F", 0, Width.U8).writable(0x100));
        refused("outside", () -> bar.register("G", 0, Width.U8).field("X", 7, 2));
        refused("overlap", () -> bar.register("H", 0, Width.U8).field("X", 0, 4).field("Y", 3, 1));
        refused(
                "field X is declared twice",
                () -> bar.register("I", 0, Width.U8).field("X", 0, 4).field("X", 4, 1));
        refused("reset value", () -> bar.register("J", 0, Width.U8).reset(1).readOnly(() -> 1));
        refused("write effect", () -> bar.register("K", 0, Width.U8).onWrite(v -> {}).readOnly());
        refused(
                "can be written",
                () ->
                        bar.register("L", 0, Width.U8)
                                .field("X", 0, 1, RegisterMode.READ_WRITE)
                                .readOnly(() -> 1));
    }

    @Test
    void shouldRefuseRegistersThatOverlap() {
        bar.register("A", 4, Width.U32).readWrite();
        bar.register("B", 6, Width.U16).readWrite();
        refused("registers A and B of bar2 overlap at 0x6", fixture::start);
    }

    @Test
    void shouldRefuseRegistersThatAreNotFinished() {
        bar.register("A", 4, Width.U32).reset(1);
        refused("A of bar2 is not finished", fixture::start);
    }

    @Test
    void shouldRefuseChangesAfterConstruction() {
        fixture.start();
        assertThatIllegalStateException()
                .isThrownBy(() -> bar.register("LATE", 0, Width.U8))
                .withMessageContaining("BAR2");
    }

    @Test
    void shouldAllocateNothingForAMillionAccesses() {
        var sum = new long[1];
        bar.register("A", 0, Width.U32).onWrite(v -> sum[0] += v).readWrite();
        bar.register("B", 8, Width.U64).readOnly(() -> sum[0]);
        bar.register("C", 16, Width.U32).writeOneToClear();
        fixture.start();
        var buffer = fixture.buffer;
        Runnable loop =
                () -> {
                    for (int i = 0; i < 250_000; i++) {
                        bar.write(0, buffer, 0, 4);
                        bar.read(8, buffer, 0, 8);
                        bar.write(17, buffer, 0, 2);
                        bar.read(0, buffer, 0, 8);
                    }
                };
        assertThat(Allocation.of(loop)).isZero();
    }

    private static void refused(String words, Runnable declaration) {
        assertThatIllegalArgumentException()
                .isThrownBy(declaration::run)
                .withMessageContaining(words);
    }

    @Test
    void shouldAcceptEveryCountOfBytesAtEveryOffset() {
        for (int i = 0; i < 8; i++) {
            bar.register("R" + i, i * 4L, Width.U32).readWrite();
        }
        fixture.start();
        var expected = new byte[32];
        for (int count = 1; count <= 8; count++) {
            for (int offset = 0; offset + count <= 32; offset++) {
                long value = 0x0102_0304_0506_0708L * (offset + 1) + count;
                fixture.write(offset, count, value);
                for (int i = 0; i < count; i++) {
                    expected[offset + i] = (byte) (value >>> (8 * i));
                }
                assertThat(fixture.readBytes(0, 32)).isEqualTo(expected);
            }
        }
    }
}
