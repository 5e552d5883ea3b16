package dev.muser.devices.nvme;

/**
 * The commands that are supported, and what they do to the disk (NVMe base 1.4, 5.14.1.5): 256
 * words for admin commands, then 256 for those of I/O queues.
 */
final class EffectsLog {
    private static final int IO = 1024;

    private static final int SUPPORTED = 1;
    private static final int CHANGES_BLOCKS = 1 << 1;
    private static final int CHANGES_NAMESPACE = 1 << 2;
    private static final int CHANGES_LIST = 1 << 3;

    /** While no other command is under way in any namespace. */
    private static final int ALONE = 2 << 16;

    private static final int[] ADMIN = {
        Opcode.DELETE_SUBMISSION_QUEUE,
        Opcode.CREATE_SUBMISSION_QUEUE,
        Opcode.GET_LOG_PAGE,
        Opcode.DELETE_COMPLETION_QUEUE,
        Opcode.CREATE_COMPLETION_QUEUE,
        Opcode.IDENTIFY,
        Opcode.ABORT,
        Opcode.SET_FEATURES,
        Opcode.GET_FEATURES,
        Opcode.ASYNCHRONOUS_EVENT_REQUEST,
        Opcode.KEEP_ALIVE,
        Opcode.DOORBELL_BUFFER_CONFIG
    };

    private EffectsLog() {}

    static DataStructure page() {
        var s = new DataStructure(4096);
        for (int opcode : ADMIN) {
            s.u32(4L * opcode, SUPPORTED);
        }
        s.u32(4L * Opcode.NAMESPACE_MANAGEMENT, SUPPORTED | CHANGES_LIST);
        s.u32(4L * Opcode.NAMESPACE_ATTACHMENT, SUPPORTED | CHANGES_LIST);
        s.u32(4L * Opcode.FORMAT_NVM, SUPPORTED | CHANGES_BLOCKS | CHANGES_NAMESPACE | ALONE);
        s.u32(IO + 4L * Opcode.FLUSH, SUPPORTED);
        s.u32(IO + 4L * Opcode.READ, SUPPORTED);
        s.u32(IO + 4L * Opcode.COMPARE, SUPPORTED);
        s.u32(IO + 4L * Opcode.VERIFY, SUPPORTED);
        s.u32(IO + 4L * Opcode.WRITE, SUPPORTED | CHANGES_BLOCKS);
        s.u32(IO + 4L * Opcode.WRITE_ZEROES, SUPPORTED | CHANGES_BLOCKS);
        s.u32(IO + 4L * Opcode.DATASET_MANAGEMENT, SUPPORTED | CHANGES_BLOCKS);
        return s;
    }
}
