package dev.muser.testkit.devices;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.muser.client.BarView;
import dev.muser.client.PciFunction;
import dev.muser.device.Irq;
import dev.muser.devices.idio16.Idio16;
import dev.muser.devices.idio16.InputPattern;
import dev.muser.testkit.InProcessDevice;
import java.time.Duration;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** The board's registers, as its Linux driver uses them. */
class Idio16Test {
    private static void with(InputPattern pattern, Consumer<PciFunction> test) {
        try (var board = InProcessDevice.of(ctx -> new Idio16(ctx, pattern));
                var function = new PciFunction(board)) {
            test.accept(function);
        }
    }

    private static int inputs(BarView registers) {
        return registers.read8(1) | (registers.read8(5) << 8);
    }

    private static void outputs(BarView registers, int value) {
        registers.write8(0, value & 0xff);
        registers.write8(4, value >> 8);
    }

    @Test
    void shouldReadBackItsOutputsAndLoopThemToItsInputs() {
        with(
                InputPattern.LOOPBACK,
                function -> {
                    var registers = function.bar(2);
                    outputs(registers, 0xa53c);
                    assertThat(registers.read8(0)).isEqualTo(0x3c);
                    assertThat(registers.read8(4)).isEqualTo(0xa5);
                    assertThat(inputs(registers)).isEqualTo(0xa53c);
                });
    }

    @Test
    void shouldFollowThePatternThatWasChosen() {
        with(
                InputPattern.of("inverted"),
                f -> {
                    outputs(f.bar(2), 0x0ff0);
                    assertThat(inputs(f.bar(2))).isEqualTo(0xf00f);
                });
        with(InputPattern.of("0x1234"), f -> assertThat(inputs(f.bar(2))).isEqualTo(0x1234));
        with(
                InputPattern.of("counter"),
                f -> {
                    var seen = new int[7];
                    for (int i = 0; i < seen.length; i++) {
                        seen[i] = f.bar(2).read8(1);
                    }
                    assertThat(seen).containsExactly(0, 0, 0, 1, 1, 1, 2);
                });
        for (var bad : new String[] {"", "0x10000", "-1", "loop"}) {
            assertThatThrownBy(() -> InputPattern.of(bad))
                    .as(bad)
                    .isInstanceOf(IllegalArgumentException.class);
        }
    }

    @Test
    void shouldInterruptOnAChangeOfTheInputsOnceItIsEnabled() {
        with(
                InputPattern.LOOPBACK,
                function -> {
                    var registers = function.bar(2);
                    var line = function.interrupt(Irq.INTX, 0);
                    outputs(registers, 0x0001);
                    assertThat(line.poll()).isZero();
                    assertThat(registers.read8(2)).isZero(); // reading enables
                    outputs(registers, 0x0001);
                    assertThat(line.poll()).as("nothing changed").isZero();
                    registers.write8(4, 0x80);
                    assertThat(line.await(Duration.ofSeconds(5))).isEqualTo(1);
                    assertThat(registers.read8(6)).isEqualTo(0x4 | 0x2);
                    registers.write8(1, 0); // writing acknowledges
                    assertThat(registers.read8(6)).isZero();
                    line.rearm();
                    assertThat(line.poll()).isZero();
                    registers.write8(2, 0); // writing disables
                    outputs(registers, 0);
                    assertThat(line.poll()).isZero();
                });
    }
}
