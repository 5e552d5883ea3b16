package dev.muser.device.pci;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.muser.device.Region;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CapabilityTest {

    /** What the conformance device has. */
    private static void declareAll(DeviceContext context) {
        context.bar(3, 0x1_0000);
        context.capability(new PowerManagement());
        context.capability(new VendorSpecific(new byte[] {'a', 'b', 'c'}));
        context.capability(0x50, Msi.maskable(16));
        context.capability(new MsiX(2048, 3).pendingBits(3, 0x8000));
        context.capability(new PciExpress());
        context.capability(new DeviceSerialNumber(0x0000_0008_0000_0004L));
    }

    private static List<String> walk(DeviceFixture fixture) {
        var found = new ArrayList<String>();
        int at = (int) fixture.config(0x34, 1);
        while (at != 0) {
            found.add("%x@%x".formatted(fixture.config(at, 1), at));
            at = (int) fixture.config(at + 1, 1);
        }
        return found;
    }

    private static List<String> walkExtended(DeviceFixture fixture) {
        var found = new ArrayList<String>();
        int at = 0x100;
        while (at != 0) {
            long header = fixture.config(at, 4);
            found.add("%x v%x@%x".formatted(header & 0xffff, (header >>> 16) & 0xf, at));
            at = (int) (header >>> 20);
        }
        return found;
    }

    private static String hex(DeviceFixture fixture, int at, int count) {
        return HexFormat.of().formatHex(fixture.bytes(Region.CONFIG, at, count));
    }

    @Test
    void shouldPlaceCapabilitiesInOrderFrom0x40On() {
        try (var fixture = DeviceFixture.of(CapabilityTest::declareAll)) {
            assertThat(walk(fixture)).containsExactly("1@40", "9@48", "5@50", "11@68", "10@74");
            assertThat(walkExtended(fixture)).containsExactly("3 v1@100");
            assertThat(fixture.config(0x06, 2)).isEqualTo(0x10);
            assertThat(fixture.device.regionInfo(Region.CONFIG).size()).isEqualTo(4096);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "0x40, 0148030008000000",
        "0x48, 095006616263",
        "0x50, 056888010000000000000000000000000000000000000000",
        "0x68, 1174ff070300000003800000",
        "0x74, 10000200008000101028000011000000000011000000000000000000",
        "0x90, 00000000000000001000000000000000020000000100000000000000000000",
        "0x100, 030001000400000008000000"
    })
    void shouldHoldTheBytesOfTheSpecification(String at, String bytes) {
        try (var fixture = DeviceFixture.of(CapabilityTest::declareAll)) {
            assertThat(hex(fixture, Integer.decode(at), bytes.length() / 2)).isEqualTo(bytes);
        }
    }

    /** Each row: offset, what reads back after ones are written to all of it, and after zeros. */
    @ParameterizedTest
    @CsvSource({
        "0x40, 01480300 0b000000, 01480300 08000000",
        "0x48, 09500661 6263, 09500661 6263",
        "0x50, 0568f901 fcffffff ffffffff ffff0000 ffff0000 00000000,"
                + " 05688801 00000000 00000000 00000000 00000000 00000000",
        "0x68, 1174ffc7 03000000 03800000, 1174ff07 03000000 03800000",
        "0x74, 10000200 00800000 ff780000 11000000 cb001100, 10000200 00800000 00000000 11000000"
                + " 00001100",
        "0x98, 10000000 10000000 02000000 01000000 00000000,"
                + " 10000000 00000000 02000000 01000000 00000000",
        "0x100, 03000100 04000000 08000000, 03000100 04000000 08000000"
    })
    void shouldLetSoftwareWriteTheBitsThatItMay(String at, String ones, String zeros) {
        try (var fixture =
                DeviceFixture.of(context -> {
                    context.bar(3, 0x1_0000);
                    context.capability(new PowerManagement());
                    context.capability(new VendorSpecific(new byte[] {'a', 'b', 'c'}));
                    context.capability(0x50, Msi.maskable(16));
                    context.capability(new MsiX(2048, 3).pendingBits(3, 0x8000));
                    // a function-level reset would undo the writes
                    context.capability(new PciExpress().noFunctionLevelReset());
                    context.capability(new DeviceSerialNumber(0x0000_0008_0000_0004L));
                })) {
            int offset = Integer.decode(at);
            var expectedOnes = ones.replace(" ", "");
            var expectedZeros = zeros.replace(" ", "");
            int count = expectedOnes.length() / 2;
            for (int i = 0; i < count; i++) {
                fixture.writeConfig(offset + i, 1, 0xff);
            }
            assertThat(hex(fixture, offset, count)).isEqualTo(expectedOnes);
            for (int i = 0; i < count; i++) {
                fixture.writeConfig(offset + i, 1, 0);
            }
            assertThat(hex(fixture, offset, count)).isEqualTo(expectedZeros);
        }
    }

    @ParameterizedTest
    @CsvSource({"1, 14, 0080", "32, 14, 008a"})
    void shouldLayOutMsiWithoutMasking(int vectors, int length, String control) {
        var msi = new Msi(vectors);
        assertThat(msi.length()).isEqualTo(length);
        try (var fixture = DeviceFixture.of(c -> c.capability(msi))) {
            assertThat(fixture.config(0x42, 2)).isEqualTo(Long.parseLong(control, 16));
            fixture.writeConfig(0x4c, 2, 0xffff);
            assertThat(fixture.config(0x4c, 2)).isEqualTo(0xffff);
        }
    }

    @Test
    void shouldLayOutNarrowMsi() {
        assertThat(Msi.narrow(1).length()).isEqualTo(10);
        assertThat(Msi.narrowMaskable(4).length()).isEqualTo(20);
        try (var fixture = DeviceFixture.of(c -> c.capability(Msi.narrowMaskable(4)))) {
            assertThat(fixture.config(0x42, 2)).isEqualTo(0x104);
            fixture.writeConfig(0x48, 4, 0xffff_ffff);
            fixture.writeConfig(0x4c, 4, 0xffff_ffff);
            fixture.writeConfig(0x50, 4, 0xffff_ffff);
            assertThat(fixture.config(0x48, 4)).isEqualTo(0xffff);
            assertThat(fixture.config(0x4c, 4)).isEqualTo(0xf);
            assertThat(fixture.config(0x50, 4)).isZero();
        }
    }

    @Test
    void shouldLinkExtendedCapabilities() {
        try (var fixture =
                DeviceFixture.of(context -> {
                    context.capability(new AdvancedErrorReporting());
                    context.capability(0x200, new DeviceSerialNumber(1));
                    context.capability(new VendorSpecificExtended(7, 1, new byte[5]));
                })) {
            assertThat(walkExtended(fixture)).containsExactly("1 v2@100", "3 v1@200", "b v1@148");
            assertThat(fixture.config(0x14c, 4)).isEqualTo(0x00d1_0007L);
        }
    }

    @Test
    void shouldIgnorePowerStatesThatTheDeviceDoesNotHave() {
        var power = new PowerManagement();
        try (var fixture = DeviceFixture.of(c -> c.capability(power))) {
            fixture.writeConfig(0x44, 2, 1);
            assertThat(fixture.config(0x44, 2)).isEqualTo(0x0008);
            fixture.writeConfig(0x44, 2, 3);
            assertThat(power.sleeping()).isTrue();
            fixture.writeConfig(0x44, 1, 2);
            assertThat(fixture.config(0x44, 2)).isEqualTo(0x000b);
            fixture.writeConfig(0x45, 1, 0);
            assertThat(power.sleeping()).isTrue();
            fixture.writeConfig(0x44, 2, 0);
            assertThat(power.sleeping()).isFalse();
        }
    }

    @Test
    void shouldShowTheLinkThatTheAuthorSays() {
        try (var fixture = DeviceFixture.of(c -> c.capability(new PciExpress().link(4, 16)))) {
            assertThat(fixture.config(0x4c, 4)).isEqualTo(0x104);
            assertThat(fixture.config(0x52, 2)).isEqualTo(0x104);
            assertThat(fixture.config(0x6c, 4)).isEqualTo(0x1e);
        }
    }

    @Test
    void shouldRecordErrorsUntilSoftwareClearsThem() {
        var aer = new AdvancedErrorReporting();
        try (var fixture = DeviceFixture.of(c -> c.capability(aer))) {
            aer.uncorrectable(20);
            aer.uncorrectable(12);
            aer.correctable(0);
            assertThat(fixture.config(0x104, 4)).isEqualTo(0x0010_1000);
            assertThat(fixture.config(0x118, 4)).isEqualTo(20);
            assertThat(fixture.config(0x110, 4)).isEqualTo(1);
            fixture.writeConfig(0x104, 4, 0x0010_0000);
            assertThat(fixture.config(0x104, 4)).isEqualTo(0x1000);
            fixture.writeConfig(0x110, 4, 1);
            assertThat(fixture.config(0x110, 4)).isZero();
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> aer.uncorrectable(6))
                    .withMessageContaining("status bit 6");
        }
    }

    /** A capability such as an author writes: a doorbell byte, a sticky one, a counter. */
    private static final class Doorbell extends Capability {
        final List<String> seen = new ArrayList<>();

        Doorbell() {
            super(0x0a, 9);
            initial(2, Width.U16, 0xbeef);
            writable(4, Width.U8, 0xf0);
            clearedByOne(5, Width.U8, 0x0f);
            initial(5, Width.U8, 0xff);
        }

        @Override
        protected void written(int register, int before, int after, int bits) {
            seen.add("%d: %08x %08x %08x".formatted(register, before, after, bits));
            if (register == 4) {
                set(8, Width.U8, get(8, Width.U8) + 1);
            }
        }
    }

    @Test
    void shouldShowAnAuthorsCapabilityWhatWasWritten() {
        var doorbell = new Doorbell();
        try (var fixture = DeviceFixture.of(c -> c.capability(0x80, doorbell))) {
            assertThat(doorbell.offset()).isEqualTo(0x80);
            fixture.writeConfig(0x84, 1, 0xff);
            fixture.writeConfig(0x83, 3, 0x03_5a_11);
            fixture.writeConfig(0x8c, 4, 0);
            fixture.writeConfig(0x7c, 4, 0);
            assertThat(doorbell.seen)
                    .containsExactly(
                            "4: 0000ff00 0000fff0 000000ff",
                            "0: beef000a beef000a 11000000",
                            "4: 0000fff0 0000fc50 0000035a");
            assertThat(fixture.config(0x88, 1)).isEqualTo(2);
            assertThat(hex(fixture, 0x80, 8)).isEqualTo("0a00efbe50fc0000");
        }
    }

    @Test
    void shouldRefuseCapabilitiesThatOverlapOrDoNotFit() {
        assertThatIllegalArgumentException()
                .isThrownBy(() ->
                        DeviceFixture.of(c -> {
                            c.capability(0x44, new PowerManagement());
                            c.capability(0x48, new Msi(1));
                        }))
                .withMessage("Msi at 0x48 overlaps PowerManagement at 0x44");
        for (int offset : new int[] {0x3c, 0x42, 0xfc, 0x100, -4}) {
            assertThatIllegalArgumentException()
                    .as("0x%x", offset)
                    .isThrownBy(() -> DeviceFixture.of(c -> c.capability(offset, new Msi(1))))
                    .withMessageContaining("multiple of 4");
        }
        assertThatIllegalArgumentException()
                .isThrownBy(() ->
                        DeviceFixture.of(c -> {
                            c.capability(new VendorSpecific(new byte[180]));
                            c.capability(new Msi(1));
                        }))
                .withMessageContaining("no room for Msi");
        assertThatIllegalArgumentException()
                .isThrownBy(
                        () -> DeviceFixture.of(c -> c.capability(0x140, new DeviceSerialNumber(1))))
                .withMessageContaining("first extended capability lies at 0x100");
    }

    @Test
    void shouldFillGapsWithWhatIsPlacedAutomatically() {
        try (var fixture =
                DeviceFixture.of(c -> {
                    c.capability(0x48, new Msi(1));
                    c.capability(new PowerManagement());
                    c.capability(new PciExpress());
                })) {
            assertThat(walk(fixture)).containsExactly("5@48", "1@40", "10@58");
        }
    }

    @Test
    void shouldRefuseToGiveOneCapabilityToTwoDevices() {
        var power = new PowerManagement();
        try (var first = DeviceFixture.of(c -> c.capability(power))) {
            assertThat(walk(first)).containsExactly("1@40");
            assertThatIllegalStateException()
                    .isThrownBy(() -> DeviceFixture.of(c -> c.capability(power)))
                    .withMessageContaining("in a device already");
        }
    }

    @ParameterizedTest
    @CsvSource({"0", "3", "64"})
    void shouldRefuseMsiVectorCountsThatPciDoesNotHave(int vectors) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Msi(vectors))
                .withMessageContaining("must be 1, 2, 4, 8, 16 or 32");
    }

    @Test
    void shouldRefuseAnMsiXTableThatHasNoPlace() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DeviceFixture.of(c -> c.capability(new MsiX(4, 2))))
                .withMessageContaining("BAR2: the device has no such memory BAR");
        assertThatIllegalArgumentException()
                .isThrownBy(() ->
                        DeviceFixture.of(c -> {
                            c.bar(2, 0x20).io();
                            c.capability(new MsiX(1, 2));
                        }))
                .withMessageContaining("no such memory BAR");
        assertThatIllegalArgumentException()
                .isThrownBy(() ->
                        DeviceFixture.of(c -> {
                            c.bar(2, 0x1000).register("R", 0x10, Width.U32).readWrite();
                            c.capability(new MsiX(4, 2));
                        }))
                .withMessageContaining("R");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new MsiX(4, 2).table(2, 4))
                .withMessageContaining("multiples of 8");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new MsiX(2049, 2))
                .withMessageContaining("must be 1 to 2048");
    }
}
