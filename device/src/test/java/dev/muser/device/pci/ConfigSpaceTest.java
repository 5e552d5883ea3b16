package dev.muser.device.pci;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.muser.device.Region;
import dev.muser.linux.Errno;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ConfigSpaceTest {
    private static final int BAR0 = 0x10;
    private static final int ROM = 0x30;
    private static final int ALL_ONES = 0xffff_ffff;

    /** Sizes a BAR register as firmware does: all ones, read back, old value. */
    private static long sized(Consumer<DeviceContext> declarations, int register) {
        try (var fixture = DeviceFixture.of(declarations)) {
            long before = fixture.config(register, 4);
            fixture.writeConfig(register, 4, ALL_ONES);
            long mask = fixture.config(register, 4);
            fixture.writeConfig(register, 4, before);
            assertThat(fixture.config(register, 4)).isEqualTo(before);
            return mask;
        }
    }

    @Test
    void shouldHoldTheIdentityAtItsPlace() {
        try (var fixture =
                DeviceFixture.of(context -> {
                    context.subsystem(0x9abc, 0xdef0);
                    context.classCode(0xff, 0x01, 0x02).revision(0x7e);
                    context.intx(InterruptPin.C);
                })) {
            assertThat(fixture.config(0x00, 2)).isEqualTo(0x1234);
            assertThat(fixture.config(0x02, 2)).isEqualTo(0x5678);
            assertThat(fixture.bytes(Region.CONFIG, 0x08, 4))
                    .containsExactly(0x7e, 0x02, 0x01, 0xff);
            assertThat(fixture.config(0x0e, 1)).isZero();
            assertThat(fixture.config(0x2c, 4)).isEqualTo(0xdef0_9abcL);
            assertThat(fixture.config(0x34, 1)).isZero();
            assertThat(fixture.config(0x3d, 1)).isEqualTo(3);
            assertThat(fixture.device.regionInfo(Region.CONFIG).size()).isEqualTo(256);
        }
    }

    /**
     * Each row: offset, what is there after power-on, what is there after writing ones and then
     * zeros to all bits. A bit that differs between the last two is writable.
     */
    @ParameterizedTest
    @CsvSource({
        "0x00, 0x56781234, 0x56781234, 0x56781234",
        "0x04, 0x00000000, 0x00000547, 0x00000000",
        "0x08, 0xff000000, 0xff000000, 0xff000000",
        "0x0c, 0x00000000, 0x0000ffff, 0x00000000",
        "0x10, 0x00000000, 0xfffff000, 0x00000000",
        "0x14, 0x00000000, 0x00000000, 0x00000000",
        "0x18, 0x0000000c, 0xfff0000c, 0x0000000c",
        "0x1c, 0x00000000, 0xffffffff, 0x00000000",
        "0x20, 0x00000001, 0xffffff01, 0x00000001",
        "0x24, 0x00000000, 0x00000000, 0x00000000",
        "0x28, 0x00000000, 0x00000000, 0x00000000",
        "0x2c, 0x00000000, 0x00000000, 0x00000000",
        "0x30, 0x00000000, 0xffff8001, 0x00000000",
        "0x34, 0x00000000, 0x00000000, 0x00000000",
        "0x38, 0x00000000, 0x00000000, 0x00000000",
        "0x3c, 0x00000100, 0x000001ff, 0x00000100",
        "0x40, 0x00000000, 0x00000000, 0x00000000",
        "0xfc, 0x00000000, 0x00000000, 0x00000000"
    })
    void shouldHaveTheBitsOfTheSpecification(String at, String reset, String ones, String zeros) {
        try (var fixture =
                DeviceFixture.of(context -> {
                    context.bar(0, 0x1000);
                    context.bar(2, 0x10_0000).wide().prefetchable();
                    context.bar(4, 0x100).io();
                    context.rom(new byte[0x4001]);
                    context.intx();
                })) {
            int offset = Integer.decode(at);
            assertThat(fixture.config(offset, 4)).isEqualTo(Long.decode(reset));
            fixture.writeConfig(offset, 4, ALL_ONES);
            assertThat(fixture.config(offset, 4)).isEqualTo(Long.decode(ones));
            fixture.writeConfig(offset, 4, 0);
            assertThat(fixture.config(offset, 4)).isEqualTo(Long.decode(zeros));
            fixture.writeConfig(offset, 4, ALL_ONES);
            fixture.device.reset();
            assertThat(fixture.config(offset, 4)).isEqualTo(Long.decode(reset));
        }
    }

    @Test
    void shouldSizeA64BitBarAcrossItsTwoRegisters() {
        Consumer<DeviceContext> declarations = c -> c.bar(1, 1L << 36).wide();
        assertThat(sized(declarations, BAR0 + 4)).isEqualTo(0x4);
        assertThat(sized(declarations, BAR0 + 8)).isEqualTo(0xffff_fff0L);
    }

    @ParameterizedTest
    @CsvSource({"16, 0xfffffff0", "48, 0xffffffc0", "0x8001, 0xffff0000", "0x80000000, 0x80000000"})
    void shouldRoundSizesUpForDecoding(String size, String mask) {
        assertThat(sized(c -> c.bar(3, Long.decode(size)).allowAnySize(), BAR0 + 12))
                .isEqualTo(Long.decode(mask));
    }

    @Test
    void shouldKeepTheRomRegisterZeroWithoutARom() {
        assertThat(sized(c -> {}, ROM)).isZero();
    }

    @Test
    void shouldSizeTheRomAndReadItWithZerosBehindIt() {
        var content = new byte[0x900];
        content[0] = 0x55;
        content[0x8ff] = 0x7f;
        Consumer<DeviceContext> declarations = c -> c.rom(content);
        assertThat(sized(declarations, ROM)).isEqualTo(0xffff_f001L);
        try (var fixture = DeviceFixture.of(declarations)) {
            var info = fixture.device.regionInfo(Region.ROM);
            assertThat(info.size()).isEqualTo(0x1000);
            assertThat(info.readable()).isTrue();
            assertThat(info.writable()).isFalse();
            assertThat(fixture.read(Region.ROM, 0, 1)).isEqualTo(0x55);
            assertThat(fixture.read(Region.ROM, 0x8fe, 4)).isEqualTo(0x7f00);
            assertThat(DeviceFixture.errno(() -> fixture.write(Region.ROM, 0, 1, 0)))
                    .isEqualTo(Errno.EINVAL);
        }
    }

    @Test
    void shouldRefuseABarThatLiesInThe64BitOneBelow() {
        assertThatIllegalArgumentException()
                .isThrownBy(() ->
                        DeviceFixture.of(c -> {
                            c.bar(2, 0x1000).wide();
                            c.bar(3, 0x1000);
                        }))
                .withMessageContaining("BAR2 is 64-bit and takes BAR3 too");
    }

    @Test
    void shouldClearStatusErrorsByWritingOnes() {
        var context = new DeviceContext[1];
        try (var fixture = DeviceFixture.of(c -> context[0] = c)) {
            context[0].config().set(0x06, Width.U16, 0xf910);
            fixture.writeConfig(0x06, 2, 0x8010);
            assertThat(fixture.config(0x06, 2)).isEqualTo(0x7910);
            fixture.writeConfig(0x07, 1, 0x41);
            assertThat(fixture.config(0x06, 2)).isEqualTo(0x3810);
            fixture.writeConfig(0x06, 2, 0);
            assertThat(fixture.config(0x06, 2)).isEqualTo(0x3810);
        }
    }

    @Test
    void shouldTellWhetherTheDriverAllowsDma() {
        var context = new DeviceContext[1];
        try (var fixture = DeviceFixture.of(c -> context[0] = c)) {
            assertThat(context[0].busMaster()).isFalse();
            fixture.writeConfig(0x04, 1, 0x04);
            assertThat(context[0].busMaster()).isTrue();
            fixture.device.reset();
            assertThat(context[0].busMaster()).isFalse();
        }
    }

    @Test
    void shouldReadAllOfAnExtendedSpaceAtOnce() {
        try (var fixture = DeviceFixture.of(c -> c.configSpace(4096))) {
            assertThat(fixture.device.regionInfo(Region.CONFIG).size()).isEqualTo(4096);
            var all = fixture.bytes(Region.CONFIG, 0, 4096);
            assertThat(all).startsWith(0x34, 0x12, 0x78, 0x56);
            assertThat(all[4095]).isZero();
            assertThat(fixture.bytes(Region.CONFIG, 0, 0)).isEmpty();
        }
    }

    @ParameterizedTest
    @CsvSource({"0xffff, 1", "0x10000, 1", "-1, 1", "1, 0x10000", "1, -1"})
    void shouldRefuseAnIdentityThatPciDoesNotHave(String vendor, String device) {
        assertThatIllegalArgumentException()
                .isThrownBy(() ->
                        DeviceFixture.of(
                                c -> c.identity(Integer.decode(vendor), Integer.decode(device))))
                .withMessageContaining("ID 0x");
    }

    @Test
    void shouldRefuseADeviceWithoutIdentity() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new DeviceFixture(context -> new Device() {}))
                .withMessageContaining("identity(vendor, device)");
    }
}
