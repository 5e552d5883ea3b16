package dev.muser.client.nvme;

/** Opcodes of the admin queue (NVMe base 1.4, 5, figure 139). */
public final class AdminOpcode {
    public static final int DELETE_SUBMISSION_QUEUE = 0x00;
    public static final int CREATE_SUBMISSION_QUEUE = 0x01;
    public static final int GET_LOG_PAGE = 0x02;
    public static final int DELETE_COMPLETION_QUEUE = 0x04;
    public static final int CREATE_COMPLETION_QUEUE = 0x05;
    public static final int IDENTIFY = 0x06;
    public static final int ABORT = 0x08;
    public static final int SET_FEATURES = 0x09;
    public static final int GET_FEATURES = 0x0a;
    public static final int ASYNC_EVENT_REQUEST = 0x0c;
    public static final int NAMESPACE_MANAGEMENT = 0x0d;
    public static final int NAMESPACE_ATTACHMENT = 0x15;
    public static final int KEEP_ALIVE = 0x18;
    public static final int DOORBELL_BUFFER_CONFIG = 0x7c;
    public static final int FORMAT_NVM = 0x80;

    private AdminOpcode() {}

    /** Returns the specification's name, or the number. */
    public static String name(int opcode) {
        return switch (opcode) {
            case DELETE_SUBMISSION_QUEUE -> "Delete I/O Submission Queue";
            case CREATE_SUBMISSION_QUEUE -> "Create I/O Submission Queue";
            case GET_LOG_PAGE -> "Get Log Page";
            case DELETE_COMPLETION_QUEUE -> "Delete I/O Completion Queue";
            case CREATE_COMPLETION_QUEUE -> "Create I/O Completion Queue";
            case IDENTIFY -> "Identify";
            case ABORT -> "Abort";
            case SET_FEATURES -> "Set Features";
            case GET_FEATURES -> "Get Features";
            case ASYNC_EVENT_REQUEST -> "Asynchronous Event Request";
            case NAMESPACE_MANAGEMENT -> "Namespace Management";
            case NAMESPACE_ATTACHMENT -> "Namespace Attachment";
            case KEEP_ALIVE -> "Keep Alive";
            case DOORBELL_BUFFER_CONFIG -> "Doorbell Buffer Config";
            case FORMAT_NVM -> "Format NVM";
            default -> "admin command 0x%02x".formatted(opcode);
        };
    }
}
