package dev.muser.devices.nvme;

import dev.muser.device.pci.DeviceState;
import dev.muser.device.pci.StateField;
import dev.muser.device.pci.Width;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * The timestamp (NVMe base 1.4, 5.21.1.14): milliseconds since 1970 if the driver has set it, else
 * since the last reset.
 *
 * <pre>
 *   0  u48  milliseconds    6  u8  bit 0 has been stopped meanwhile, 1-3 origin    7  reserved
 * </pre>
 */
final class Timestamp {
    static final int SIZE = 8;

    private static final long MASK = 0xffff_ffff_ffffL;
    private static final long SET_BY_DRIVER = 1L << 1 << 48;
    private static final ValueLayout.OfLong U64 =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final StateField base;

    /** By the machine's clock since its start, which is the same in all processes. */
    private final StateField since;

    private final StateField origin;

    Timestamp(DeviceState state) {
        base = state.field("nvme.timestamp.base", Width.U64);
        since = state.field("nvme.timestamp.since", Width.U64);
        origin = state.field("nvme.timestamp.origin", Width.U64);
    }

    void reset() {
        base.set(0);
        origin.set(0);
        since.set(System.nanoTime());
    }

    void set(MemorySegment data) {
        base.set(data.get(U64, 0) & MASK);
        origin.set(SET_BY_DRIVER);
        since.set(System.nanoTime());
    }

    DataStructure value() {
        long now = base.get() + (System.nanoTime() - since.get()) / 1_000_000 & MASK;
        return new DataStructure(SIZE).u64(0, now | origin.get());
    }
}
