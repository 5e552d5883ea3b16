package dev.muser.devices.nvme;

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

    private final DataStructure ring = new DataStructure(ENTRIES * ENTRY);
    private long count;
    private long mediaErrors;

    /** How many errors there have been. */
    long count() {
        return count;
    }

    /** How many of them came from storage engines. */
    long mediaErrors() {
        return mediaErrors;
    }

    void record(Command c, int status) {
        int queue = c.queue().id;
        boolean data = queue != 0 && c.opcode != Opcode.FLUSH;
        add(queue, c.cid, status, placeOf(status), data ? c.firstBlock() : 0, c.nsid);
        if (status == Status.UNRECOVERED_READ || status == Status.WRITE_FAULT) {
            mediaErrors++;
        }
    }

    /** An error that no command made. */
    void record(int status) {
        add(NONE, NONE, status, NONE, 0, 0);
    }

    private void add(int queue, int cid, int status, int place, long block, int nsid) {
        long at = count % ENTRIES * ENTRY;
        count++;
        ring.u64(at, count).u16(at + 8, queue).u16(at + 10, cid);
        ring.u16(at + 12, status << 1).u16(at + 14, place);
        ring.u64(at + 16, block).u32(at + 24, nsid);
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
        long n = Math.min(count, ENTRIES);
        for (long i = 0; i < n; i++) {
            long from = (count - 1 - i) % ENTRIES * ENTRY;
            MemorySegment.copy(ring.bytes(), from, page.bytes(), i * ENTRY, ENTRY);
        }
        return page;
    }
}
