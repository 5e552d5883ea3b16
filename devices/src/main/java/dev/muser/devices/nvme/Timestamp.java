package dev.muser.devices.nvme;

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

    private long base;
    private long since = System.nanoTime();
    private long origin;

    void reset() {
        base = 0;
        origin = 0;
        since = System.nanoTime();
    }

    void set(MemorySegment data) {
        base = data.get(U64, 0) & MASK;
        origin = SET_BY_DRIVER;
        since = System.nanoTime();
    }

    DataStructure value() {
        long now = base + (System.nanoTime() - since) / 1_000_000 & MASK;
        return new DataStructure(SIZE).u64(0, now | origin);
    }
}
