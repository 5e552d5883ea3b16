package dev.muser.device.pci;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Random registers and accesses of all sizes, against rules that are applied bit by bit. */
class RegisterBankOracleTest {
    private static final List<RegisterMode> MODES = List.of(RegisterMode.values());
    private static final List<Width> WIDTHS = List.of(Width.values());

    /** What one bit of the BAR is. */
    private static final class Bit {
        RegisterMode mode = RegisterMode.READ_ONLY;
        boolean value;
    }

    @ParameterizedTest(name = "seed {0}")
    @ValueSource(longs = {1, 2, 3, 20, 77, 4711, 0xcafe, 0xbabe})
    void shouldBehaveAsItsBits(long seed) {
        var random = new Random(seed);
        int size = random.nextBoolean() ? 0x100 : 0x4000; // with a table, and without
        try (var fixture = new BarFixture(3, size)) {
            var bits = new HashMap<Long, Bit>();
            var registers = declare(fixture.bar, size, random, bits);
            fixture.start();
            for (int step = 0; step < 20_000; step++) {
                int count = 1 + random.nextInt(random.nextInt(10) == 0 ? 40 : 8);
                var near = registers.get(random.nextInt(registers.size()));
                long offset =
                        Math.clamp(near.offset() + random.nextInt(16) - 8, 0, (long) size - count);
                if (random.nextBoolean()) {
                    var data = new byte[count];
                    random.nextBytes(data);
                    write(fixture, bits, offset, data);
                } else {
                    assertThat(fixture.readBytes(offset, count))
                            .as("%d bytes at 0x%x in step %d", count, offset, step)
                            .isEqualTo(expected(bits, offset, count));
                }
            }
            for (var register : registers) {
                assertThat(register.get()).as(register.name()).isEqualTo(stored(bits, register));
            }
        }
    }

    private static List<Register> declare(Bar bar, int size, Random random, Map<Long, Bit> bits) {
        var registers = new ArrayList<Register>();
        for (long at = 0; at < size; ) {
            var width = WIDTHS.get(random.nextInt(WIDTHS.size()));
            at = (at + width.bytes() - 1) & -width.bytes();
            if (at + width.bytes() > size) {
                break;
            }
            var mode = MODES.get(random.nextInt(MODES.size()));
            long reset = random.nextLong() & width.mask();
            long writable = random.nextLong() & width.mask();
            var builder = bar.register("R" + at, at, width).reset(reset).writable(writable);
            int fieldLow = random.nextInt(8);
            var fieldMode = MODES.get(random.nextInt(MODES.size()));
            builder.field("F", fieldLow, 8 - fieldLow, fieldMode);
            for (int i = 0; i < 8 * width.bytes(); i++) {
                var bit = new Bit();
                boolean inField = i >= fieldLow && i < 8;
                boolean fixed = (writable >>> i & 1) == 0 && mode != RegisterMode.WRITE_ONLY;
                if (inField) {
                    bit.mode = fieldMode;
                } else if (!fixed) {
                    bit.mode = mode;
                }
                bit.value = (reset >>> i & 1) == 1;
                bits.put(8 * at + i, bit);
            }
            // bits of a write-only register that cannot be written read as zero all the same
            if (mode == RegisterMode.WRITE_ONLY) {
                for (int i = 8; i < 8 * width.bytes(); i++) {
                    if ((writable >>> i & 1) == 0) {
                        frozen(bits, 8 * at + i);
                    }
                }
                for (int i = 0; i < fieldLow; i++) {
                    if ((writable >>> i & 1) == 0) {
                        frozen(bits, 8 * at + i);
                    }
                }
            }
            registers.add(
                    switch (mode) {
                        case READ_WRITE -> builder.readWrite();
                        case READ_ONLY -> builder.readOnly();
                        case WRITE_ONLY -> builder.writeOnly();
                        case WRITE_ONE_TO_CLEAR -> builder.writeOneToClear();
                        case WRITE_ONE_TO_SET -> builder.writeOneToSet();
                    });
            at += width.bytes() + (size > 0x100 ? random.nextInt(64) : random.nextInt(6));
        }
        return registers;
    }

    /** Marks a bit that reads as zero and cannot be written. */
    private static void frozen(Map<Long, Bit> bits, long number) {
        bits.remove(number);
    }

    private static void write(BarFixture fixture, Map<Long, Bit> bits, long offset, byte[] data) {
        for (int i = 0; i < data.length; i++) {
            fixture.buffer.set(StateLayout.U8, i, data[i]);
            for (int b = 0; b < 8; b++) {
                var bit = bits.get(8 * (offset + i) + b);
                if (bit == null) {
                    continue;
                }
                boolean one = (data[i] >>> b & 1) == 1;
                switch (bit.mode) {
                    case READ_WRITE, WRITE_ONLY -> bit.value = one;
                    case WRITE_ONE_TO_CLEAR -> bit.value &= !one;
                    case WRITE_ONE_TO_SET -> bit.value |= one;
                    case READ_ONLY -> {}
                }
            }
        }
        fixture.bar.write(offset, fixture.buffer, 0, data.length);
    }

    private static byte[] expected(Map<Long, Bit> bits, long offset, int count) {
        var bytes = new byte[count];
        for (int i = 0; i < 8 * count; i++) {
            var bit = bits.get(8 * offset + i);
            if (bit != null && bit.value && bit.mode != RegisterMode.WRITE_ONLY) {
                bytes[i / 8] |= (byte) (1 << (i % 8));
            }
        }
        return bytes;
    }

    /** Returns what the register holds; bits that no access can show keep their reset value. */
    private static long stored(Map<Long, Bit> bits, Register register) {
        long value = 0;
        for (int i = 0; i < 8 * register.width().bytes(); i++) {
            var bit = bits.get(8 * register.offset() + i);
            boolean one = bit == null ? (register.resetValue() >>> i & 1) == 1 : bit.value;
            value |= one ? 1L << i : 0;
        }
        return value;
    }
}
