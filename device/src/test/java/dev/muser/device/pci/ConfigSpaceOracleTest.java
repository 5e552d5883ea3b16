package dev.muser.device.pci;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.device.Region;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Random reads and writes against a model that knows bytes and bits, but no registers. */
class ConfigSpaceOracleTest {
    private static final int SIZE = 4096;
    private static final int PMCSR = 0x44;

    /** What the bits are, bit by bit: written from the specifications, not from the code. */
    private static final class Oracle {
        final byte[] bytes = new byte[SIZE];
        final byte[] writable = new byte[SIZE];
        final byte[] clearedByOne = new byte[SIZE];

        void value(int at, int... values) {
            for (int i = 0; i < values.length; i++) {
                bytes[at + i] = (byte) values[i];
            }
        }

        void writable(int at, int... masks) {
            for (int i = 0; i < masks.length; i++) {
                writable[at + i] = (byte) masks[i];
            }
        }

        void clearedByOne(int at, int... masks) {
            for (int i = 0; i < masks.length; i++) {
                clearedByOne[at + i] = (byte) masks[i];
            }
        }

        void write(int at, byte[] data) {
            int power = bytes[PMCSR] & 3;
            for (int i = 0; i < data.length; i++) {
                for (int bit = 1; bit < 0x100; bit <<= 1) {
                    boolean one = (data[i] & bit) != 0;
                    if ((writable[at + i] & bit) != 0) {
                        bytes[at + i] = (byte) (one ? bytes[at + i] | bit : bytes[at + i] & ~bit);
                    }
                    if ((clearedByOne[at + i] & bit) != 0 && one) {
                        bytes[at + i] &= (byte) ~bit;
                    }
                }
            }
            int wanted = bytes[PMCSR] & 3;
            if (wanted == 1 || wanted == 2) {
                bytes[PMCSR] = (byte) ((bytes[PMCSR] & ~3) | power);
            }
        }
    }

    private static Oracle oracle() {
        var o = new Oracle();
        o.value(0x00, 0x34, 0x12, 0x78, 0x56, 0, 0, 0x10, 0, 0x05, 0x02, 0x08, 0x01);
        o.writable(0x04, 0x47, 0x05);
        o.clearedByOne(0x06, 0x00, 0xf9);
        o.writable(0x0c, 0xff, 0xff);
        o.writable(0x10, 0x00, 0xc0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
        o.value(0x10, 0x04);
        o.writable(0x24, 0xe0, 0xff, 0xff, 0xff);
        o.value(0x24, 0x01);
        o.value(0x34, 0x40);
        o.writable(0x3c, 0xff);
        o.value(0x3d, 0x01);
        // power management at 0x40, MSI at 0x50, vendor-specific at 0x70
        o.value(0x40, 0x01, 0x50, 0x03, 0x00, 0x08);
        o.writable(PMCSR, 0x03);
        o.value(0x50, 0x05, 0x70, 0x88, 0x01);
        o.writable(0x52, 0x71, 0x00, 0xfc, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
        o.writable(0x60, 0xff, 0xff);
        o.value(0x70, 0x09, 0x00, 0x05, 0xaa, 0x55);
        o.writable(0x73, 0xff, 0xff);
        // AER at 0x100, serial number at 0x148, vendor-specific at 0x154
        o.value(0x100, 0x01, 0x00, 0x82, 0x14);
        o.clearedByOne(0x104, 0x30, 0xf0, 0xff, 0x03);
        o.value(0x108, 0x00, 0x00, 0x40, 0x00);
        o.writable(0x108, 0x30, 0xf0, 0xff, 0x03);
        o.value(0x10c, 0x30, 0x20, 0x46, 0x00);
        o.writable(0x10c, 0x30, 0xf0, 0xff, 0x03);
        o.clearedByOne(0x110, 0xc1, 0xf1);
        o.value(0x114, 0x00, 0xe0);
        o.writable(0x114, 0xc1, 0xf1);
        o.value(0x148, 0x03, 0x00, 0x41, 0x15, 8, 7, 6, 5, 4, 3, 2, 1);
        o.value(0x154, 0x0b, 0x00, 0x01, 0x00, 0xfe, 0xca, 0xb3, 0x00, 0x11, 0x22, 0x33);
        return o;
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 0xcafe_babeL, 0x5eed_5eedL})
    void shouldBehaveAsTheModelDoes(long seed) {
        var random = new Random(seed);
        var oracle = oracle();
        var aer = new AdvancedErrorReporting();
        try (var fixture =
                DeviceFixture.of(context -> {
                    context.classCode(1, 8, 2).revision(5);
                    context.bar(0, 0x4000).wide();
                    context.bar(5, 0x20).io();
                    context.intx();
                    context.capability(new PowerManagement());
                    context.capability(0x50, Msi.maskable(16));
                    context.capability(
                            0x70, new VendorSpecific(new byte[] {(byte) 0xaa, 0x55}).writable());
                    context.capability(aer);
                    context.capability(new DeviceSerialNumber(0x0102_0304_0506_0708L));
                    context.capability(
                            new VendorSpecificExtended(0xcafe, 3, new byte[] {0x11, 0x22, 0x33}));
                })) {
            for (int step = 0; step < 20_000; step++) {
                if (random.nextInt(16) == 0) {
                    // the device has errors: status bits 12 (uncorrectable) and 13 (correctable)
                    aer.uncorrectable(12);
                    aer.correctable(13);
                    if (word(oracle, 0x104) == 0) {
                        oracle.bytes[0x118] = 12;
                    }
                    oracle.bytes[0x105] |= 0x10;
                    oracle.bytes[0x111] |= 0x20;
                }
                int length = length(random);
                int at = at(random, length);
                if (random.nextBoolean()) {
                    var data = new byte[length];
                    random.nextBytes(data);
                    fixture.buffer.asSlice(0, length).copyFrom(MemorySegment.ofArray(data));
                    fixture.device.writeRegion(Region.CONFIG, at, fixture.buffer, 0, length);
                    oracle.write(at, data);
                } else {
                    assertThat(fixture.bytes(Region.CONFIG, at, length))
                            .as("seed %d step %d: %d bytes at 0x%x", seed, step, length, at)
                            .isEqualTo(Arrays.copyOfRange(oracle.bytes, at, at + length));
                }
            }
            assertThat(fixture.bytes(Region.CONFIG, 0, SIZE)).isEqualTo(oracle.bytes);
        }
    }

    private static int word(Oracle oracle, int at) {
        return oracle.bytes[at]
                | oracle.bytes[at + 1]
                | oracle.bytes[at + 2]
                | oracle.bytes[at + 3];
    }

    private static int length(Random random) {
        return switch (random.nextInt(8)) {
            case 0, 1 -> 1;
            case 2 -> 2;
            case 3, 4 -> 4;
            case 5 -> 8;
            case 6 -> random.nextInt(40);
            default -> random.nextInt(8) == 0 ? SIZE : 3;
        };
    }

    /** Most of the time where something is. */
    private static int at(Random random, int length) {
        int limit =
                switch (random.nextInt(4)) {
                    case 0, 1 -> 0x80;
                    case 2 -> 0x180;
                    default -> SIZE;
                };
        return Math.min(random.nextInt(limit), SIZE - length);
    }
}
