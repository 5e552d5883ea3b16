package dev.muser.devices.nvme;

import dev.muser.device.pci.DeviceState;
import dev.muser.device.pci.StateArray;
import dev.muser.device.pci.StateField;
import dev.muser.device.pci.Width;
import java.lang.foreign.MemorySegment;

/**
 * The error information log (NVMe base 1.4, 5.14.1.1): the last commands that failed, the newest
 * first. Kept over resets.
 *
 * <pre>
 *   0  u64  error count        8  u16  submission queue   10  u16  command identifier
 *  12  u16  status, phase in bit 0    14  u16  where in the command
 *  16  u64  first block       24  u32  namespace
 * </pre>
 */
final class ErrorLog {
    static final int ENTRIES = 64;

    private static final int ENTRY = 64;

    /** Not about one command, or no byte of it in particular. */
    private static final int NONE = 0xffff;

    private final StateArray ring;
    private final StateField count;
    private final StateField mediaErrors;

    ErrorLog(DeviceState state) {
        ring = state.array("nvme.errors.log", ENTRIES * ENTRY);
        count = state.field("nvme.errors.count", Width.U64);
        mediaErrors = state.field("nvme.errors.media", Width.U64);
    }

    /** How many errors there have been. */
    long count() {
        return count.get();
    }

    /** How many of them came from storage engines. */
    long mediaErrors() {
        return mediaErrors.get();
    }

    void record(Command c, int status) {
        int queue = c.queue().id;
        boolean data = queue != 0 && c.opcode != Opcode.FLUSH;
        add(queue, c.cid, status, placeOf(status), data ? c.firstBlock() : 0, c.nsid);
        if (status == Status.UNRECOVERED_READ || status == Status.WRITE_FAULT) {
            mediaErrors.set(mediaErrors.get() + 1);
        }
    }

    /** An error that no command made. */
    void record(int status) {
        add(NONE, NONE, status, NONE, 0, 0);
    }

    private void add(int queue, int cid, int status, int place, long block, int nsid) {
        long before = count.get();
        long at = before % ENTRIES * ENTRY;
        count.set(before + 1);
        ring.set(at, Width.U64, before + 1);
        ring.set(at + 8, Width.U16, queue);
        ring.set(at + 10, Width.U16, cid);
        ring.set(at + 12, Width.U16, status << 1);
        ring.set(at + 14, Width.U16, place);
        ring.set(at + 16, Width.U64, block);
        ring.set(at + 24, Width.U32, nsid);
    }

    /** Returns the byte of the command that the status is about. */
    private static int placeOf(int status) {
        return switch (status) {
            case Status.INVALID_OPCODE -> 0;
            case Status.INVALID_NAMESPACE -> 4;
            case Status.PRP_OFFSET_INVALID -> 24;
            case Status.LBA_OUT_OF_RANGE,
                    Status.INVALID_QUEUE_ID,
                    Status.INVALID_LOG_PAGE,
                    Status.INVALID_FORMAT ->
                    40;
            case Status.INVALID_QUEUE_SIZE -> 42;
            case Status.COMPLETION_QUEUE_INVALID, Status.INVALID_INTERRUPT_VECTOR -> 46;
            default -> NONE;
        };
    }

    DataStructure page() {
        var page = new DataStructure(ENTRIES * ENTRY);
        long all = count.get();
        long n = Math.min(all, ENTRIES);
        for (long i = 0; i < n; i++) {
            long from = (all - 1 - i) % ENTRIES * ENTRY;
            MemorySegment.copy(ring.bytes(), from, page.bytes(), i * ENTRY, ENTRY);
        }
        return page;
    }
}
