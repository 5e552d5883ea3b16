package dev.muser.devices.nvme;

import dev.muser.device.pci.DeviceState;
import dev.muser.device.pci.StateField;
import dev.muser.device.pci.Width;
import java.util.concurrent.TimeUnit;

/** The SMART / health information log (NVMe base 1.4, 5.14.1.2): real counters. */
final class SmartLog {
    /** Bytes of a data unit: a thousand times 512. */
    private static final long DATA_UNIT = 512_000;

    /** Critical warning: a temperature threshold has been reached. */
    static final int TEMPERATURE = 1 << 1;

    private final Namespaces namespaces;
    private final ErrorLog errors;
    private final Temperature temperature;

    /** By the machine's clock since its start, which is the same in all processes. */
    private final StateField since;

    private final StateField unsafeShutdowns;

    SmartLog(DeviceState state, Namespaces namespaces, ErrorLog errors, Temperature temperature) {
        since = state.field("nvme.smart.on_since", Width.U64);
        unsafeShutdowns = state.field("nvme.smart.unsafe_shutdowns", Width.U64);
        this.namespaces = namespaces;
        this.errors = errors;
        this.temperature = temperature;
    }

    void powerOn() {
        since.set(System.nanoTime());
    }

    /** The driver has gone, or the machine was reset, without a shutdown. */
    void unsafeShutdown() {
        unsafeShutdowns.set(unsafeShutdowns.get() + 1);
    }

    int criticalWarning() {
        return temperature.isBeyond() ? TEMPERATURE : 0;
    }

    /**
     * @param busy how long there has been something to do, in nanoseconds
     */
    DataStructure page(long busy) {
        var counters = namespaces.counters();
        var s = new DataStructure(512);
        s.u8(0, criticalWarning()).u16(1, Temperature.COMPOSITE);
        s.u8(3, 100).u8(4, 10); // spare, and its threshold, in percent
        s.u64(32, units(counters.bytesRead())).u64(48, units(counters.bytesWritten()));
        s.u64(64, counters.readCommands()).u64(80, counters.writeCommands());
        s.u64(96, TimeUnit.NANOSECONDS.toMinutes(busy));
        s.u64(112, 1); // power cycles
        s.u64(128, TimeUnit.NANOSECONDS.toHours(System.nanoTime() - since.get()));
        s.u64(144, unsafeShutdowns.get());
        s.u64(160, errors.mediaErrors()).u64(176, errors.count());
        s.u16(200, Temperature.COMPOSITE);
        return s;
    }

    /** Rounded up. */
    private static long units(long bytes) {
        return (bytes + DATA_UNIT - 1) / DATA_UNIT;
    }
}
