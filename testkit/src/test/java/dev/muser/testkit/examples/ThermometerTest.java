package dev.muser.testkit.examples;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.client.PciFunction;
import dev.muser.device.Irq;
import dev.muser.testkit.InProcessDevice;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

/** The test of docs/write-a-device.md: a device, its driver's view, one thread. */
class ThermometerTest {
    @Test
    void shouldWarnAboveItsLimitAndLogToGuestMemory() {
        var sensor = new AtomicReference<Thermometer>();
        try (var device =
                        InProcessDevice.of(ctx -> {
                            sensor.set(new Thermometer(ctx));
                            return sensor.get();
                        });
                var function = new PciFunction(device)) {
            var registers = function.bar(0);
            var alarm = function.interrupt(Irq.MSIX, 0);
            var log = function.dma().allocate(4096);

            registers.write64(0x10, log.iova());
            registers.write32(0x00, 1);
            sensor.get().measure(99);
            assertThat(registers.read32(0x0c)).isEqualTo(99);
            assertThat(alarm.poll()).isZero();

            sensor.get().measure(101);
            assertThat(alarm.poll()).isEqualTo(1);
            assertThat(registers.read32(0x04)).isEqualTo(1);
            registers.write32(0x04, 1);
            assertThat(registers.read32(0x04)).isZero();
            assertThat(log.segment().get(JAVA_INT, 0)).isEqualTo(99);
            assertThat(log.segment().get(JAVA_INT, 4)).isEqualTo(101);

            registers.write64(0x10, 0xdead_0000_0000L); // not mapped
            sensor.get().measure(50);
            assertThat(registers.read64(0x10)).isZero();
        }
    }
}
