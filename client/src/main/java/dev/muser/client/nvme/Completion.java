package dev.muser.client.nvme;

/**
 * A completion queue entry, copied out of the queue. One object a queue, good until the next entry
 * is taken.
 */
public final class Completion {
    // struct nvme_cqe: result u64 @0 (DW0, DW1), sq_head u16 @8, sq_id u16 @10, cid u16 @12,
    // status u16 @14: phase bit 0, SC bits 1-8, SCT 9-11, CRD 12-13, M 14, DNR 15
    private long result;
    private int dw2;
    private int dw3;
    private long cookie;

    void set(long newResult, int newDw2, int newDw3) {
        result = newResult;
        dw2 = newDw2;
        dw3 = newDw3;
        cookie = newDw3 & 0xffff;
    }

    void copy(Completion other) {
        set(other.result, other.dw2, other.dw3);
    }

    void cookie(long value) {
        cookie = value;
    }

    /** Hot. Returns what was given with the command to {@link IoQueue}; else {@link #commandId}. */
    public long cookie() {
        return cookie;
    }

    /** Hot. Returns the command specific result. */
    public int dw0() {
        return (int) result;
    }

    public int dw1() {
        return (int) (result >>> 32);
    }

    /** Hot. Returns how far the controller has read the submission queue. */
    public int submissionQueueHead() {
        return dw2 & 0xffff;
    }

    /** Hot. Returns the submission queue that the command came from. */
    public int submissionQueueId() {
        return dw2 >>> 16;
    }

    /** Hot. */
    public int commandId() {
        return dw3 & 0xffff;
    }

    public int phase() {
        return dw3 >>> 16 & 1;
    }

    /**
     * Hot. Returns status code type (bits 8 to 10) and status code (0 to 7): see {@link Status}.
     */
    public int status() {
        return dw3 >>> 17 & 0x7ff;
    }

    /** Hot. */
    public boolean isSuccess() {
        return status() == 0;
    }

    /** Returns 0 for generic, 1 for command specific, 2 for media and data integrity. */
    public int statusCodeType() {
        return dw3 >>> 25 & 7;
    }

    public int statusCode() {
        return dw3 >>> 17 & 0xff;
    }

    /** Whether the error log says more. */
    public boolean more() {
        return (dw3 >>> 30 & 1) != 0;
    }

    /** Whether the same command would fail again. */
    public boolean doNotRetry() {
        return dw3 < 0;
    }

    @Override
    public String toString() {
        return "command 0x%04x of queue %d: %s, DW0 0x%x"
                .formatted(commandId(), submissionQueueId(), Status.name(status()), dw0());
    }
}
