package dev.muser.testkit.examples;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.client.PciFunction;
import dev.muser.device.EventLoop;
import dev.muser.device.Irq;
import dev.muser.device.Region;
import dev.muser.device.pci.DeviceContext;
import dev.muser.testkit.InProcessDevice;
import dev.muser.testkit.restart.Request;
import dev.muser.testkit.restart.RequestGenerator;
import dev.muser.testkit.restart.RestartCheck;
import dev.muser.testkit.restart.VfioRequests;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

/** The test of docs/write-a-device.md: a device, its driver's view, one thread. */
class ThermometerTest {
    /** A thermometer that measures again and again, at once too hot. */
    private static Thermometer measuring(DeviceContext ctx) {
        var thermometer = new Thermometer(ctx);
        var timer = new AtomicReference<EventLoop.Timer>();
        timer.set(
                ctx.loop()
                        .timer(() -> {
                            thermometer.measure(101);
                            timer.get().arm(1_000_000);
                        }));
        timer.get().arm(1_000_000);
        return thermometer;
    }

    /** What its driver does, between requests that no driver would make. */
    private static RequestGenerator driver() {
        var others = new VfioRequests(0, 1, 100);
        return (random, device) ->
                switch (random.nextInt(10)) {
                    case 0 -> Request.write(Region.BAR0, 0x00, 4, 1);
                    case 1 -> Request.write(Region.BAR0, 0x10, 8, device.memoryAt());
                    default -> others.next(random, device);
                };
    }

    @Test
    void shouldSurviveTheDeathOfItsProcess() {
        var check = RestartCheck.of(ThermometerTest::measuring).generator(ThermometerTest::driver);
        int interrupts = 0;
        int messages = 0;
        for (int seed = 1; seed <= 5; seed++) {
            var summary = check.seed(seed).run();
            assertThat(summary.deathsAtWork()).isPositive();
            interrupts += summary.interrupts();
            messages += summary.messages();
        }
        assertThat(interrupts).isPositive();
        assertThat(messages).isPositive();
    }

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
