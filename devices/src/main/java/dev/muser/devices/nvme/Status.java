package dev.muser.devices.nvme;

import dev.muser.linux.Errno;

/**
 * Status codes (NVMe base 1.4, 4.6.1), as they stand in a completion without the phase tag: bits
 * 0-7 the code, 8-10 its type, 14 "do not retry".
 */
final class Status {
    /** The command would fail again. */
    private static final int DNR = 0x4000;

    static final int SUCCESS = 0;

    // generic command status
    static final int INVALID_OPCODE = 0x01 | DNR;
    static final int INVALID_FIELD = 0x02 | DNR;
    static final int DATA_TRANSFER_ERROR = 0x04 | DNR;
    static final int ABORT_REQUESTED = 0x07;
    static final int FAILED_FUSED = 0x09;
    static final int MISSING_FUSED = 0x0a | DNR;
    static final int INVALID_NAMESPACE = 0x0b | DNR;
    static final int COMMAND_SEQUENCE_ERROR = 0x0c | DNR;
    static final int INVALID_SGL_SEGMENT = 0x0d | DNR;
    static final int INVALID_SGL_COUNT = 0x0e | DNR;
    static final int DATA_SGL_LENGTH_INVALID = 0x0f | DNR;
    static final int SGL_TYPE_INVALID = 0x11 | DNR;
    static final int PRP_OFFSET_INVALID = 0x13 | DNR;
    static final int OPERATION_DENIED = 0x15 | DNR;
    static final int NAMESPACE_WRITE_PROTECTED = 0x20 | DNR;
    static final int LBA_OUT_OF_RANGE = 0x80 | DNR;
    static final int CAPACITY_EXCEEDED = 0x81;
    static final int FORMAT_IN_PROGRESS = 0x84;

    // command specific status
    static final int COMPLETION_QUEUE_INVALID = 0x100 | DNR;
    static final int INVALID_QUEUE_ID = 0x101 | DNR;
    static final int INVALID_QUEUE_SIZE = 0x102 | DNR;
    static final int AER_LIMIT_EXCEEDED = 0x105 | DNR;
    static final int INVALID_INTERRUPT_VECTOR = 0x108 | DNR;
    static final int INVALID_LOG_PAGE = 0x109 | DNR;
    static final int INVALID_FORMAT = 0x10a | DNR;
    static final int INVALID_QUEUE_DELETION = 0x10c | DNR;
    static final int FEATURE_NOT_SAVEABLE = 0x10d | DNR;
    static final int FEATURE_NOT_CHANGEABLE = 0x10e | DNR;
    static final int FEATURE_NOT_NAMESPACE_SPECIFIC = 0x10f | DNR;
    static final int INSUFFICIENT_CAPACITY = 0x115 | DNR;
    static final int NAMESPACE_ALREADY_ATTACHED = 0x118 | DNR;
    static final int NAMESPACE_NOT_ATTACHED = 0x11a | DNR;
    static final int CONTROLLER_LIST_INVALID = 0x11c | DNR;

    // media and data integrity errors
    static final int WRITE_FAULT = 0x280;
    static final int UNRECOVERED_READ = 0x281;
    static final int COMPARE_FAILURE = 0x285 | DNR;

    private Status() {}

    /** Returns what a storage engine's errno means for a command that writes, or reads. */
    static int ofErrno(int errno, boolean write) {
        return switch (errno) {
            case 0 -> SUCCESS;
            case Errno.EFAULT -> DATA_TRANSFER_ERROR;
            case Errno.ENOSPC -> CAPACITY_EXCEEDED;
            case Errno.EROFS, Errno.EPERM, Errno.EACCES -> NAMESPACE_WRITE_PROTECTED;
            case Errno.EINVAL -> INVALID_FIELD;
            case Errno.ECANCELED -> ABORT_REQUESTED;
            default -> write ? WRITE_FAULT : UNRECOVERED_READ;
        };
    }
}
