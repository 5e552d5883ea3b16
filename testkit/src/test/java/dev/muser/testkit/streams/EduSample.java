package dev.muser.testkit.streams;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.device.Region;
import dev.muser.device.pci.DeviceFactory;
import dev.muser.devices.edu.Edu;

/** A factorial, a reason of an interrupt, bytes in the buffer; configuration space. */
final class EduSample implements Sample {
    private static final int LIVENESS = 0x4;
    private static final int FACTORIAL = 0x8;
    private static final int STATUS = 0x20;
    private static final int REASONS = 0x24;
    private static final int RAISE = 0x60;
    private static final int SOURCE = 0x80;
    private static final int DESTINATION = 0x88;
    private static final int COUNT = 0x90;
    private static final int COMMAND = 0x98;

    private static final int BUFFER = 0x40000;
    private static final int TO_MEMORY = 2;

    @Override
    public String name() {
        return "edu";
    }

    @Override
    public DeviceFactory factory() {
        return Edu::new;
    }

    private static void transfer(Bench bench, long from, long to, int direction) {
        bench.write(Region.BAR0, SOURCE, 8, from);
        bench.write(Region.BAR0, DESTINATION, 8, to);
        bench.write(Region.BAR0, COUNT, 8, 256);
        bench.write(Region.BAR0, COMMAND, 8, 1 | direction);
        bench.await(() -> (bench.read(Region.BAR0, COMMAND, 8) & 1) == 0);
    }

    @Override
    public void prepare(Bench bench) {
        bench.write(Region.CONFIG, 0x4, 2, 0x406); // memory, bus master, INTx disabled
        bench.write(Region.CONFIG, 0x10, 4, 0xfec0_0000L);
        bench.write(Region.CONFIG, 0x3c, 1, 11);
        bench.write(Region.BAR0, LIVENESS, 4, 0x1234_5678);
        bench.write(Region.BAR0, STATUS, 4, 0x80); // interrupts after factorials
        bench.write(Region.BAR0, FACTORIAL, 4, 10);
        bench.await(() -> (bench.read(Region.BAR0, STATUS, 4) & 1) == 0);
        bench.write(Region.BAR0, RAISE, 4, 0x40);
        bench.fill(0, 256, 0x5a);
        transfer(bench, Bench.MEMORY, BUFFER + 512, 0);
    }

    @Override
    public void check(Bench bench) {
        assertThat(bench.read(Region.CONFIG, 0x4, 2)).isEqualTo(0x406);
        assertThat(bench.read(Region.CONFIG, 0x10, 4)).isEqualTo(0xfec0_0000L);
        assertThat(bench.read(Region.CONFIG, 0x3c, 1)).isEqualTo(11);
        assertThat(bench.read(Region.BAR0, LIVENESS, 4)).isEqualTo(~0x1234_5678 & 0xffff_ffffL);
        assertThat(bench.read(Region.BAR0, FACTORIAL, 4)).isEqualTo(3_628_800);
        assertThat(bench.read(Region.BAR0, STATUS, 4)).isEqualTo(0x80);
        assertThat(bench.read(Region.BAR0, REASONS, 4)).isEqualTo(0x41);
        assertThat(bench.read(Region.BAR0, SOURCE, 8)).isEqualTo(Bench.MEMORY);
        assertThat(bench.read(Region.BAR0, DESTINATION, 8)).isEqualTo(BUFFER + 512);
        assertThat(bench.read(Region.BAR0, COUNT, 8)).isEqualTo(256);
        transfer(bench, BUFFER + 512, Bench.MEMORY + 4096, TO_MEMORY);
        assertThat(bench.bytes(4096, 256)).containsOnly(0x5a);
    }
}
