package dev.muser.bench.jmh;

import dev.muser.device.Irq;
import dev.muser.device.IrqAction;
import dev.muser.device.Region;
import dev.muser.device.pci.PciDevice;
import dev.muser.linux.EventFd;
import dev.muser.linux.Fd;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** What a device's own parts cost, with no socket in front. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class DeviceBenchmark {
    private final MicroDevice.Made made = MicroDevice.make();
    private final PciDevice device = made.outside();
    private final MemorySegment buffer = Arena.ofAuto().allocate(64, 8);
    private final Fd eventFd = EventFd.create();

    @Setup
    public void install() {
        device.attach(null);
        device.setIrqEventFds(Irq.MSIX, IrqAction.TRIGGER, 0, List.of(eventFd.duplicate()));
    }

    @TearDown
    public void close() {
        device.close();
        eventFd.close();
    }

    /** Vendor and device ID. */
    @Benchmark
    public MemorySegment readConfig() {
        device.readRegion(Region.CONFIG, 0, buffer, 0, 4);
        return buffer;
    }

    /** One of 64 registers. */
    @Benchmark
    public MemorySegment readRegister() {
        device.readRegion(Region.BAR0, 0x80, buffer, 0, 4);
        return buffer;
    }

    @Benchmark
    public MemorySegment writeRegister() {
        device.writeRegion(Region.BAR0, 0x80, buffer, 0, 4);
        return buffer;
    }

    /** MSI-X, with its eventfd: a system call. */
    @Benchmark
    public void postInterrupt() {
        made.inside().interrupt().post();
    }
}
