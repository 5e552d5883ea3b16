package dev.muser.devices.nvme;

import dev.muser.device.pci.DeviceState;
import dev.muser.device.pci.StateArray;
import dev.muser.device.pci.Width;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.UUID;

/**
 * What drivers have made of namespaces, and what went in and out, in the device's state: 32 bytes
 * each, for each identifier from 1 on. Number 0 has the counters of those that are no more.
 *
 * <pre>
 *    0  2 u64  UUID               16  u8   1 there is one, 2 attached, 4 protected
 *   17  u8     block size: log2   18  u16  error recovery
 *
 *    0  u64    reads               8  u64  writes
 *   16  u64    bytes read         24  u64  bytes written
 * </pre>
 *
 * <p>Counters are stored for good, all else in transactions. A process that dies may leave out what
 * it has counted last.
 */
final class NamespaceRecords {
    private static final int READS = 0;
    private static final int WRITES = 8;
    private static final int BYTES_READ = 16;
    private static final int BYTES_WRITTEN = 24;

    private static final int RECORD = 32;
    private static final int UUID_HIGH = 0;
    private static final int UUID_LOW = 8;
    private static final int FLAGS = 16;
    private static final int SHIFT = 17;
    private static final int ERROR_RECOVERY = 18;

    private static final int PRESENT = 1;
    private static final int ATTACHED = 2;
    private static final int PROTECTED = 4;

    private static final ValueLayout.OfLong LONG =
            ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final StateArray array;
    private final StateArray counters;

    NamespaceRecords(DeviceState state) {
        long size = (Namespaces.MOST + 1L) * RECORD;
        array = state.array("nvme.namespaces", size);
        counters = state.array("nvme.namespaces.counters", size);
    }

    private static long at(int id) {
        return (long) id * RECORD;
    }

    boolean isPresent(int id) {
        return (array.get(at(id) + FLAGS, Width.U8) & PRESENT) != 0;
    }

    UUID uuid(int id) {
        return new UUID(
                array.get(at(id) + UUID_HIGH, Width.U64), array.get(at(id) + UUID_LOW, Width.U64));
    }

    private void clear(int id) {
        for (int i = 0; i < RECORD; i += 8) {
            array.set(at(id) + i, Width.U64, 0);
            counters.set(at(id) + i, Width.U64, 0);
        }
    }

    void create(int id, UUID uuid) {
        clear(id);
        array.set(at(id) + UUID_HIGH, Width.U64, uuid.getMostSignificantBits());
        array.set(at(id) + UUID_LOW, Width.U64, uuid.getLeastSignificantBits());
        array.set(at(id) + FLAGS, Width.U8, PRESENT);
    }

    /** There is none of that identifier any more; its counters are of the past. */
    void retire(int id) {
        for (int counter : new int[] {READS, WRITES, BYTES_READ, BYTES_WRITTEN}) {
            long sum = counters.get(counter, Width.U64) + counters.get(at(id) + counter, Width.U64);
            counters.set(counter, Width.U64, sum);
        }
        clear(id);
    }

    boolean isAttached(int id) {
        return (array.get(at(id) + FLAGS, Width.U8) & ATTACHED) != 0;
    }

    void attached(int id, boolean on) {
        flag(id, ATTACHED, on);
    }

    boolean isProtected(int id) {
        return (array.get(at(id) + FLAGS, Width.U8) & PROTECTED) != 0;
    }

    void writeProtected(int id, boolean on) {
        flag(id, PROTECTED, on);
    }

    private void flag(int id, int flag, boolean on) {
        long flags = array.get(at(id) + FLAGS, Width.U8);
        array.set(at(id) + FLAGS, Width.U8, on ? flags | flag : flags & ~flag);
    }

    int shift(int id) {
        return (int) array.get(at(id) + SHIFT, Width.U8);
    }

    void shift(int id, int shift) {
        array.set(at(id) + SHIFT, Width.U8, shift);
    }

    int errorRecovery(int id) {
        return (int) array.get(at(id) + ERROR_RECOVERY, Width.U16);
    }

    void errorRecovery(int id, int value) {
        array.set(at(id) + ERROR_RECOVERY, Width.U16, value);
    }

    /** Hot. Counts, for good. */
    void count(int id, long reads, long writes, long bytesRead, long bytesWritten) {
        add(at(id) + READS, reads);
        add(at(id) + WRITES, writes);
        add(at(id) + BYTES_READ, bytesRead);
        add(at(id) + BYTES_WRITTEN, bytesWritten);
    }

    private void add(long at, long more) {
        var bytes = counters.raw();
        bytes.set(LONG, at, bytes.get(LONG, at) + more);
    }

    NamespaceCounters counters(int id) {
        return new NamespaceCounters(
                counters.get(at(id) + READS, Width.U64),
                counters.get(at(id) + WRITES, Width.U64),
                counters.get(at(id) + BYTES_READ, Width.U64),
                counters.get(at(id) + BYTES_WRITTEN, Width.U64));
    }
}
