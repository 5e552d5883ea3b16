package dev.muser.testkit.streams;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.device.Region;
import dev.muser.device.pci.DeviceFactory;
import dev.muser.devices.idio16.Idio16;
import dev.muser.devices.idio16.InputPattern;

/** Outputs, which the inputs follow, and an interrupt that waits to be acknowledged. */
final class Idio16Sample implements Sample {
    private static final int OUTPUTS = 0;
    private static final int INPUTS = 1;
    private static final int ENABLE = 2;
    private static final int MORE_OUTPUTS = 4;
    private static final int MORE_INPUTS = 5;
    private static final int STATUS = 6;

    @Override
    public String name() {
        return "idio16";
    }

    @Override
    public DeviceFactory factory() {
        return ctx -> new Idio16(ctx, InputPattern.LOOPBACK);
    }

    @Override
    public void prepare(Bench bench) {
        bench.write(Region.CONFIG, 0x3c, 1, 10);
        bench.read(Region.BAR2, ENABLE, 1); // reading enables interrupts
        bench.write(Region.BAR2, OUTPUTS, 1, 0x3c);
        bench.write(Region.BAR2, MORE_OUTPUTS, 1, 0xa5);
    }

    @Override
    public void check(Bench bench) {
        assertThat(bench.read(Region.CONFIG, 0x3c, 1)).isEqualTo(10);
        assertThat(bench.read(Region.BAR2, OUTPUTS, 1)).isEqualTo(0x3c);
        assertThat(bench.read(Region.BAR2, MORE_OUTPUTS, 1)).isEqualTo(0xa5);
        assertThat(bench.read(Region.BAR2, INPUTS, 1)).isEqualTo(0x3c);
        assertThat(bench.read(Region.BAR2, MORE_INPUTS, 1)).isEqualTo(0xa5);
        assertThat(bench.read(Region.BAR2, STATUS, 1)).as("enabled, pending").isEqualTo(6);
        bench.write(Region.BAR2, INPUTS, 1, 0); // writing acknowledges
        assertThat(bench.read(Region.BAR2, STATUS, 1)).isZero();
    }
}
