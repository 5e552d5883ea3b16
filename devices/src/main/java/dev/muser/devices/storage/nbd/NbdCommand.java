package dev.muser.devices.storage.nbd;

import static dev.muser.devices.storage.nbd.NbdProtocol.CMD_READ;
import static dev.muser.devices.storage.nbd.NbdProtocol.CMD_WRITE;
import static dev.muser.devices.storage.nbd.NbdProtocol.REQUEST_LENGTH;
import static dev.muser.devices.storage.nbd.NbdProtocol.REQUEST_MAGIC;

import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * A request message, and what is known of the reply. Used again for others, with one buffer for the
 * data.
 *
 * <p>It belongs to one at a time: to the loop; from {@link NbdLinks#send} on to the links, under
 * their lock; while its reply is received also to the reading thread of its connection; and after
 * {@link NbdLinks#takeFinished} to the loop again.
 */
final class NbdCommand {
    /** At most so much data, so that the pool of buffers is well used. */
    static final int MAX_DATA = 1 << 20;

    /** Who gets the result; the loop's own. */
    @Nullable NbdTransfer transfer;

    /** Where it is among all commands. */
    final int index;

    private final ByteBuffer header = ByteBuffer.allocateDirect(REQUEST_LENGTH);
    @Nullable NbdBuffer buffer;
    private int type;
    private int flags;
    private long offset;
    private long length;

    // Under the lock of the links
    @Nullable NbdConnection connection;
    long cookie;

    /** The sending thread has it, or had. */
    boolean begun;

    boolean written;
    boolean answered;
    boolean canceled;
    long lostAt;
    boolean lost;

    /** The reading thread's while it is under way, then the result. */
    int errno;

    final ReceivedRanges received = new ReceivedRanges();

    NbdCommand(int index) {
        this.index = index;
    }

    void prepare(NbdTransfer forTransfer, int newType, int newFlags, long newOffset, long count) {
        transfer = forTransfer;
        type = newType;
        flags = newFlags;
        offset = newOffset;
        length = count;
        connection = null;
        canceled = false;
        lost = false;
        errno = 0;
    }

    /** It is about to be sent, perhaps not for the first time. */
    void begin(long newCookie) {
        cookie = newCookie;
        begun = true;
        written = false;
        answered = false;
        errno = 0;
        received.clear();
        header.clear();
        header.putInt(REQUEST_MAGIC)
                .putShort((short) flags)
                .putShort((short) type)
                .putLong(newCookie)
                .putLong(offset)
                .putInt((int) length)
                .flip();
    }

    ByteBuffer header() {
        return header;
    }

    /** The data to send; empty for all but a WRITE. */
    @Nullable ByteBuffer payload() {
        return type == CMD_WRITE && buffer != null ? buffer.view(0, (int) length) : null;
    }

    /** Where data that were read go. */
    ByteBuffer target(long at, int count) {
        if (buffer == null) {
            throw new IllegalStateException("a read without a buffer");
        }
        return buffer.view((int) at, count);
    }

    /** A hole was read. */
    void zero(long at, long count) {
        if (buffer != null) {
            buffer.segment().asSlice(at, count).fill((byte) 0);
        }
    }

    boolean isRead() {
        return type == CMD_READ;
    }

    int type() {
        return type;
    }

    long offset() {
        return offset;
    }

    long length() {
        return length;
    }

    /** Whether a range of the export, not empty, lies within what it asked for. */
    boolean covers(long from, long count) {
        return count > 0 && from >= offset && count <= length && from - offset <= length - count;
    }
}
