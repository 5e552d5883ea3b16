package dev.muser.devices.nvme;

import dev.muser.device.pci.DeviceState;
import dev.muser.device.pci.StateArray;
import dev.muser.device.pci.Width;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * What queues are and how far they have got, in the device's state: 64 bytes for each identifier.
 *
 * <pre>
 * submission queue                              completion queue
 *    0  u64  address                               0  u64  address
 *    8  u32  entries; 0 when there is none         8  u32  entries; 0 when there is none
 *   12  u16  completion queue                     12  u16  vector
 *   14  u8   priority                             14  u8   1 when it interrupts
 *   16  u64  entries fetched                      16  u64  entries posted
 *                                                 24  u32  head, as the driver has last said
 *   32  u64  1 + a tail that was refused          32  u64  1 + a head that was refused
 * </pre>
 *
 * <p>What has been fetched and posted, and the head, are stored for good, all else in transactions.
 */
final class QueueRecords {
    private static final int RECORD = 64;
    private static final int ADDRESS = 0;
    private static final int ENTRIES = 8;
    private static final int PARTNER = 12;
    private static final int KIND = 14;
    private static final int COUNT = 16;
    private static final int HEAD = 24;
    private static final int REFUSED = 32;

    private static final VarHandle LONGS =
            ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();

    private final StateArray array;

    private QueueRecords(StateArray array) {
        this.array = array;
    }

    static QueueRecords submissions(DeviceState state) {
        return new QueueRecords(state.array("nvme.sq", (long) QueueTable.MOST * RECORD));
    }

    static QueueRecords completions(DeviceState state) {
        return new QueueRecords(state.array("nvme.cq", (long) QueueTable.MOST * RECORD));
    }

    private static long at(int id) {
        return (long) id * RECORD;
    }

    /** Notes a new queue, of which nothing has been fetched or posted. */
    void create(int id, long address, int entries, int partner, int kind) {
        clear(id);
        array.set(at(id) + ADDRESS, Width.U64, address);
        array.set(at(id) + PARTNER, Width.U16, partner);
        array.set(at(id) + KIND, Width.U8, kind);
        array.set(at(id) + ENTRIES, Width.U32, entries);
    }

    /** There is no such queue any more. */
    void clear(int id) {
        for (int i = 0; i < RECORD; i += 8) {
            array.set(at(id) + i, Width.U64, 0);
        }
    }

    long address(int id) {
        return array.get(at(id) + ADDRESS, Width.U64);
    }

    /** Returns how many entries it has; 0 when there is none of that identifier. */
    int entries(int id) {
        return (int) array.get(at(id) + ENTRIES, Width.U32);
    }

    /** Returns the completion queue of a submission queue, the vector of a completion queue. */
    int partner(int id) {
        return (int) array.get(at(id) + PARTNER, Width.U16);
    }

    /** Returns a submission queue's priority, or 1 when a completion queue interrupts. */
    int kind(int id) {
        return (int) array.get(at(id) + KIND, Width.U8);
    }

    /** Returns how many entries have been fetched, or posted, in all. */
    long count(int id) {
        return array.get(at(id) + COUNT, Width.U64);
    }

    int head(int id) {
        return (int) array.get(at(id) + HEAD, Width.U32);
    }

    /** Hot. Says for good how many entries have been fetched or posted, after what that means. */
    void count(int id, long count) {
        LONGS.setRelease(raw(), at(id) + COUNT, count);
    }

    /** Hot. Says for good how far the driver has got. */
    void head(int id, int head) {
        LONGS.setRelease(raw(), at(id) + HEAD, (long) head);
    }

    private MemorySegment raw() {
        return array.raw();
    }

    /** Returns the value of a doorbell that was refused; -1 for none. */
    long refused(int id) {
        return array.get(at(id) + REFUSED, Width.U64) - 1;
    }

    void refused(int id, long value) {
        array.set(at(id) + REFUSED, Width.U64, value + 1);
    }
}
