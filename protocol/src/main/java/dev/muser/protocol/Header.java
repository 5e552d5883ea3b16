package dev.muser.protocol;

import java.lang.foreign.MemorySegment;

/** The 16 bytes that every message starts with. Hot: allocates nothing. */
public final class Header {
    // struct vfio_user_header {
    //     u16 msg_id;      @0   chosen by the sender, echoed in the reply, may repeat
    //     u16 cmd;         @2   echoed in the reply
    //     u32 msg_size;    @4   with these 16 bytes
    //     u32 flags;       @8   bits 0-3 type, bit 4 No_reply, bit 5 Error
    //     u32 error_no;    @12  in a reply with Error set
    // };
    private static final int MESSAGE_ID = 0;
    private static final int COMMAND_NUMBER = 2;
    private static final int MESSAGE_SIZE = 4;
    private static final int FLAGS = 8;
    private static final int ERROR_NO = 12;

    /** Length in bytes. */
    public static final int SIZE = 16;

    public static final int TYPE_COMMAND = 0;
    public static final int TYPE_REPLY = 1;
    public static final int TYPE_MASK = 0xf;

    /** In a command: the sender wants no reply, neither of success nor of error. */
    public static final int FLAG_NO_REPLY = 0x10;

    /** In a reply: the command failed; {@link #errno()} says why, and no payload follows. */
    public static final int FLAG_ERROR = 0x20;

    /** What {@link #validate} says of a header that frames a message. */
    public static final int OK = 0;

    /** The size does not even cover the header: where the next message starts is unknown. */
    public static final int TOO_SMALL = 1;

    /** The size is above the limit. To skip that many bytes is as costly as to read them. */
    public static final int TOO_LARGE = 2;

    /** Neither a command nor a reply. */
    public static final int WRONG_TYPE = 3;

    /** Greatest error number that a receiver takes as one; as the kernel's MAX_ERRNO, nearly. */
    private static final long MAX_ERRNO = 4096;

    private MemorySegment segment = MemorySegment.NULL;
    private long offset;

    /** Points at a header; all of its {@link #SIZE} bytes must be there. */
    public Header wrap(MemorySegment segment, long offset) {
        this.segment = segment;
        this.offset = offset;
        return this;
    }

    /**
     * Looks at the framing, not at the command.
     *
     * @param maxSize the longest message taken, in bytes, with its header
     * @return {@link #OK}; or {@link #TOO_SMALL}, {@link #TOO_LARGE}, {@link #WRONG_TYPE}, after
     *     which the stream cannot be trusted and should be closed
     */
    public int validate(long maxSize) {
        long size = size();
        if (size < SIZE) {
            return TOO_SMALL;
        }
        if (size > maxSize) {
            return TOO_LARGE;
        }
        return type() > TYPE_REPLY ? WRONG_TYPE : OK;
    }

    /** Returns the message id, 0 to 65535. */
    public int messageId() {
        return Wire.u16(segment, offset + MESSAGE_ID);
    }

    /** Returns the command's number, 0 to 65535; see {@link Command}. */
    public int command() {
        return Wire.u16(segment, offset + COMMAND_NUMBER);
    }

    /** Returns the size of the whole message in bytes, header included: 0 to 2^32-1. */
    public long size() {
        return Wire.u32(segment, offset + MESSAGE_SIZE);
    }

    /** Returns the length of the payload; only after {@link #validate} with an int's limit. */
    public int payloadLength() {
        return (int) size() - SIZE;
    }

    /** Returns all 32 bits of the flags. */
    public int flags() {
        return Wire.i32(segment, offset + FLAGS);
    }

    /** Returns the type, 0 to 15: {@link #TYPE_COMMAND}, {@link #TYPE_REPLY}, or nonsense. */
    public int type() {
        return flags() & TYPE_MASK;
    }

    public boolean isCommand() {
        return type() == TYPE_COMMAND;
    }

    public boolean isReply() {
        return type() == TYPE_REPLY;
    }

    /** Whether this is a command that must not be answered. */
    public boolean noReply() {
        return (flags() & (FLAG_NO_REPLY | TYPE_MASK)) == FLAG_NO_REPLY;
    }

    /** Whether this is a reply that reports a failure. */
    public boolean isError() {
        return (flags() & (FLAG_ERROR | TYPE_MASK)) == (FLAG_ERROR | TYPE_REPLY);
    }

    /**
     * Returns 0 when this is not an error reply; else the error number, EINVAL standing in for one
     * that says nothing (0, or above 4096), as libvfio-user does.
     */
    public int errno() {
        if (!isError()) {
            return 0;
        }
        long errno = rawErrno();
        return errno == 0 || errno > MAX_ERRNO ? Wire.EINVAL : (int) errno;
    }

    /** Returns the error field as sent. */
    public long rawErrno() {
        return Wire.u32(segment, offset + ERROR_NO);
    }

    /**
     * Writes a command's header.
     *
     * @param size of the whole message in bytes, with these 16
     */
    public static void encodeCommand(
            MemorySegment segment, long offset, int id, int command, long size, boolean noReply) {
        encode(segment, offset, id, command, size, noReply ? FLAG_NO_REPLY : TYPE_COMMAND, 0);
    }

    /**
     * Writes a successful reply's header.
     *
     * @param size of the whole message in bytes, with these 16
     */
    public static void encodeReply(
            MemorySegment segment, long offset, int id, int command, long size) {
        encode(segment, offset, id, command, size, TYPE_REPLY, 0);
    }

    /** Writes an error reply, which is a header and no more. */
    public static void encodeError(
            MemorySegment segment, long offset, int id, int command, int errno) {
        encode(segment, offset, id, command, SIZE, TYPE_REPLY | FLAG_ERROR, errno);
    }

    private static void encode(
            MemorySegment segment,
            long offset,
            int id,
            int command,
            long size,
            int flags,
            int errno) {
        Wire.u16(segment, offset + MESSAGE_ID, id);
        Wire.u16(segment, offset + COMMAND_NUMBER, command);
        Wire.u32(segment, offset + MESSAGE_SIZE, size);
        Wire.u32(segment, offset + FLAGS, flags);
        Wire.u32(segment, offset + ERROR_NO, errno);
    }
}
