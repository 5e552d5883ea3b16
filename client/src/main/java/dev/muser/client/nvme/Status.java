package dev.muser.client.nvme;

/**
 * Statuses of completed commands: the status code type in bits 8 to 10, the status code in bits 0
 * to 7, as in {@link Completion#status} (NVMe base 1.4, 4.6.1).
 */
public final class Status {
    public static final int SUCCESS = 0x000;
    public static final int INVALID_OPCODE = 0x001;
    public static final int INVALID_FIELD = 0x002;
    public static final int COMMAND_ID_CONFLICT = 0x003;
    public static final int DATA_TRANSFER_ERROR = 0x004;
    public static final int POWER_LOSS_ABORT = 0x005;
    public static final int INTERNAL_ERROR = 0x006;
    public static final int ABORT_REQUESTED = 0x007;
    public static final int SQ_DELETED = 0x008;
    public static final int FAILED_FUSED = 0x009;
    public static final int MISSING_FUSED = 0x00a;
    public static final int INVALID_NAMESPACE = 0x00b;
    public static final int SEQUENCE_ERROR = 0x00c;
    public static final int INVALID_SGL_SEGMENT = 0x00d;
    public static final int INVALID_SGL_COUNT = 0x00e;
    public static final int DATA_SGL_LENGTH_INVALID = 0x00f;
    public static final int METADATA_SGL_LENGTH_INVALID = 0x010;
    public static final int SGL_TYPE_INVALID = 0x011;
    public static final int INVALID_CMB_USE = 0x012;
    public static final int INVALID_PRP_OFFSET = 0x013;
    public static final int ATOMIC_WRITE_UNIT_EXCEEDED = 0x014;
    public static final int OPERATION_DENIED = 0x015;
    public static final int INVALID_SGL_OFFSET = 0x016;
    public static final int HOST_ID_INCONSISTENT = 0x018;
    public static final int KEEP_ALIVE_EXPIRED = 0x019;
    public static final int KEEP_ALIVE_INVALID = 0x01a;
    public static final int PREEMPT_ABORT = 0x01b;
    public static final int SANITIZE_FAILED = 0x01c;
    public static final int SANITIZE_IN_PROGRESS = 0x01d;
    public static final int SGL_DATA_BLOCK_GRANULARITY_INVALID = 0x01e;
    public static final int COMMAND_NOT_SUPPORTED_IN_CMB = 0x01f;
    public static final int NAMESPACE_WRITE_PROTECTED = 0x020;
    public static final int INTERRUPTED = 0x021;
    public static final int TRANSIENT_TRANSPORT_ERROR = 0x022;
    public static final int LBA_OUT_OF_RANGE = 0x080;
    public static final int CAPACITY_EXCEEDED = 0x081;
    public static final int NAMESPACE_NOT_READY = 0x082;
    public static final int RESERVATION_CONFLICT = 0x083;
    public static final int FORMAT_IN_PROGRESS = 0x084;
    public static final int INVALID_COMPLETION_QUEUE = 0x100;
    public static final int INVALID_QUEUE_ID = 0x101;
    public static final int INVALID_QUEUE_SIZE = 0x102;
    public static final int ABORT_LIMIT_EXCEEDED = 0x103;
    public static final int ASYNC_EVENT_LIMIT_EXCEEDED = 0x105;
    public static final int INVALID_FIRMWARE_SLOT = 0x106;
    public static final int INVALID_FIRMWARE_IMAGE = 0x107;
    public static final int INVALID_INTERRUPT_VECTOR = 0x108;
    public static final int INVALID_LOG_PAGE = 0x109;
    public static final int INVALID_FORMAT = 0x10a;
    public static final int INVALID_QUEUE_DELETION = 0x10c;
    public static final int FEATURE_NOT_SAVEABLE = 0x10d;
    public static final int FEATURE_NOT_CHANGEABLE = 0x10e;
    public static final int FEATURE_NOT_NAMESPACE_SPECIFIC = 0x10f;
    public static final int NAMESPACE_INSUFFICIENT_CAPACITY = 0x115;
    public static final int NAMESPACE_ID_UNAVAILABLE = 0x116;
    public static final int NAMESPACE_ALREADY_ATTACHED = 0x118;
    public static final int NAMESPACE_IS_PRIVATE = 0x119;
    public static final int NAMESPACE_NOT_ATTACHED = 0x11a;
    public static final int THIN_PROVISIONING_NOT_SUPPORTED = 0x11b;
    public static final int CONTROLLER_LIST_INVALID = 0x11c;
    public static final int CONFLICTING_ATTRIBUTES = 0x180;
    public static final int INVALID_PROTECTION_INFORMATION = 0x181;
    public static final int WRITE_TO_READ_ONLY_RANGE = 0x182;
    public static final int WRITE_FAULT = 0x280;
    public static final int UNRECOVERED_READ_ERROR = 0x281;
    public static final int GUARD_CHECK_ERROR = 0x282;
    public static final int APPLICATION_TAG_CHECK_ERROR = 0x283;
    public static final int REFERENCE_TAG_CHECK_ERROR = 0x284;
    public static final int COMPARE_FAILURE = 0x285;
    public static final int ACCESS_DENIED = 0x286;
    public static final int UNWRITTEN_BLOCK = 0x287;

    private Status() {}

    /** Returns the specification's name, or the numbers. */
    public static String name(int status) {
        return switch (status & 0x7ff) {
            case SUCCESS -> "Successful Completion";
            case INVALID_OPCODE -> "Invalid Command Opcode";
            case INVALID_FIELD -> "Invalid Field in Command";
            case COMMAND_ID_CONFLICT -> "Command ID Conflict";
            case DATA_TRANSFER_ERROR -> "Data Transfer Error";
            case POWER_LOSS_ABORT -> "Commands Aborted due to Power Loss Notification";
            case INTERNAL_ERROR -> "Internal Error";
            case ABORT_REQUESTED -> "Command Abort Requested";
            case SQ_DELETED -> "Command Aborted due to SQ Deletion";
            case FAILED_FUSED -> "Command Aborted due to Failed Fused Command";
            case MISSING_FUSED -> "Command Aborted due to Missing Fused Command";
            case INVALID_NAMESPACE -> "Invalid Namespace or Format";
            case SEQUENCE_ERROR -> "Command Sequence Error";
            case INVALID_SGL_SEGMENT -> "Invalid SGL Segment Descriptor";
            case INVALID_SGL_COUNT -> "Invalid Number of SGL Descriptors";
            case DATA_SGL_LENGTH_INVALID -> "Data SGL Length Invalid";
            case METADATA_SGL_LENGTH_INVALID -> "Metadata SGL Length Invalid";
            case SGL_TYPE_INVALID -> "SGL Descriptor Type Invalid";
            case INVALID_CMB_USE -> "Invalid Use of Controller Memory Buffer";
            case INVALID_PRP_OFFSET -> "PRP Offset Invalid";
            case ATOMIC_WRITE_UNIT_EXCEEDED -> "Atomic Write Unit Exceeded";
            case OPERATION_DENIED -> "Operation Denied";
            case INVALID_SGL_OFFSET -> "SGL Offset Invalid";
            case HOST_ID_INCONSISTENT -> "Host Identifier Inconsistent Format";
            case KEEP_ALIVE_EXPIRED -> "Keep Alive Timer Expired";
            case KEEP_ALIVE_INVALID -> "Keep Alive Timeout Invalid";
            case PREEMPT_ABORT -> "Command Aborted due to Preempt and Abort";
            case SANITIZE_FAILED -> "Sanitize Failed";
            case SANITIZE_IN_PROGRESS -> "Sanitize In Progress";
            case SGL_DATA_BLOCK_GRANULARITY_INVALID -> "SGL Data Block Granularity Invalid";
            case COMMAND_NOT_SUPPORTED_IN_CMB -> "Command Not Supported for Queue in CMB";
            case NAMESPACE_WRITE_PROTECTED -> "Namespace is Write Protected";
            case INTERRUPTED -> "Command Interrupted";
            case TRANSIENT_TRANSPORT_ERROR -> "Transient Transport Error";
            case LBA_OUT_OF_RANGE -> "LBA Out of Range";
            case CAPACITY_EXCEEDED -> "Capacity Exceeded";
            case NAMESPACE_NOT_READY -> "Namespace Not Ready";
            case RESERVATION_CONFLICT -> "Reservation Conflict";
            case FORMAT_IN_PROGRESS -> "Format In Progress";
            case INVALID_COMPLETION_QUEUE -> "Completion Queue Invalid";
            case INVALID_QUEUE_ID -> "Invalid Queue Identifier";
            case INVALID_QUEUE_SIZE -> "Invalid Queue Size";
            case ABORT_LIMIT_EXCEEDED -> "Abort Command Limit Exceeded";
            case ASYNC_EVENT_LIMIT_EXCEEDED -> "Asynchronous Event Request Limit Exceeded";
            case INVALID_FIRMWARE_SLOT -> "Invalid Firmware Slot";
            case INVALID_FIRMWARE_IMAGE -> "Invalid Firmware Image";
            case INVALID_INTERRUPT_VECTOR -> "Invalid Interrupt Vector";
            case INVALID_LOG_PAGE -> "Invalid Log Page";
            case INVALID_FORMAT -> "Invalid Format";
            case INVALID_QUEUE_DELETION -> "Invalid Queue Deletion";
            case FEATURE_NOT_SAVEABLE -> "Feature Identifier Not Saveable";
            case FEATURE_NOT_CHANGEABLE -> "Feature Not Changeable";
            case FEATURE_NOT_NAMESPACE_SPECIFIC -> "Feature Not Namespace Specific";
            case NAMESPACE_INSUFFICIENT_CAPACITY -> "Namespace Insufficient Capacity";
            case NAMESPACE_ID_UNAVAILABLE -> "Namespace Identifier Unavailable";
            case NAMESPACE_ALREADY_ATTACHED -> "Namespace Already Attached";
            case NAMESPACE_IS_PRIVATE -> "Namespace Is Private";
            case NAMESPACE_NOT_ATTACHED -> "Namespace Not Attached";
            case THIN_PROVISIONING_NOT_SUPPORTED -> "Thin Provisioning Not Supported";
            case CONTROLLER_LIST_INVALID -> "Controller List Invalid";
            case CONFLICTING_ATTRIBUTES -> "Conflicting Attributes";
            case INVALID_PROTECTION_INFORMATION -> "Invalid Protection Information";
            case WRITE_TO_READ_ONLY_RANGE -> "Attempted Write to Read Only Range";
            case WRITE_FAULT -> "Write Fault";
            case UNRECOVERED_READ_ERROR -> "Unrecovered Read Error";
            case GUARD_CHECK_ERROR -> "End-to-end Guard Check Error";
            case APPLICATION_TAG_CHECK_ERROR -> "End-to-end Application Tag Check Error";
            case REFERENCE_TAG_CHECK_ERROR -> "End-to-end Reference Tag Check Error";
            case COMPARE_FAILURE -> "Compare Failure";
            case ACCESS_DENIED -> "Access Denied";
            case UNWRITTEN_BLOCK -> "Deallocated or Unwritten Logical Block";
            default ->
                    "status code type 0x%x, status code 0x%02x"
                            .formatted(status >>> 8 & 7, status & 0xff);
        };
    }
}
