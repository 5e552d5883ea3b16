package dev.muser.server;

import dev.muser.device.state.StateArea;
import dev.muser.device.state.StateMismatchException;
import dev.muser.linux.CountedSender;
import dev.muser.linux.Fd;
import dev.muser.linux.MessageSender;
import dev.muser.linux.UnixSocket;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * The outgoing half of a connection that outlives the process: its buffer does too.
 *
 * <p>Where the last message ends is part of the transaction that wrote it. How much has left is
 * known whatever instruction the process dies at, since the kernel notes it in the system call that
 * sends ({@link CountedSender}).
 */
final class KeptOutput extends Output {
    // the area: positions in the stream: of the buffer's first byte @0, of the end of the last
    // message @8, of what is to be sent next @16, of the message that this lies in @24; while a
    // send is under way, where it began, and 1, @32; the kernel's note @64
    private static final int BASE = 0;
    private static final int TAIL = 8;
    private static final int SENT = 16;
    private static final int START = 24;
    private static final int SENDING = 32;
    private static final int NOTE = 64;
    static final int AREA_SIZE = NOTE + CountedSender.SIZE;

    private final StateArea area;
    private final KeptAttachments attachments;
    private final CountedSender counted;
    private long start;

    /**
     * @param area says where a process before this one stopped; all zero at the beginning of the
     *     stream
     * @param buffer of {@link #bufferSize} bytes
     */
    KeptOutput(UnixSocket socket, StateArea area, StateArea buffer, KeptAttachments attachments) {
        super(socket, buffer.memory());
        this.area = area;
        this.attachments = attachments;
        counted = new CountedSender(area.memory().asSlice(NOTE, CountedSender.SIZE));
        long sending = area.getLong(SENDING);
        if (sending != 0) {
            area.setLongNow(SENT, sending - 1 + counted.count());
            area.setLongNow(SENDING, 0);
        }
        resume();
        attached.addAll(attachments.resume(position));
    }

    /** Returns the size for a session whose messages have up to {@code maxMessage} bytes. */
    static long bufferSize(int maxMessage) {
        // What may wait, twice, so that it can be moved to the front, and one message more.
        return 2L * (Session.UNREAD_REPLIES + maxMessage + DmaChannel.MOST_UNSENT) + maxMessage;
    }

    private void resume() {
        long base = area.getLong(BASE);
        long end = area.getLong(TAIL);
        position = area.getLong(SENT);
        start = area.getLong(START);
        if (base > start || start > position || position > end || end - base > buffer.byteSize()) {
            throw new StateMismatchException("the stored session's output is damaged");
        }
        head = (int) (position - base);
        tail = (int) (end - base);
        partial = findStart();
        area.setLongNow(START, start);
    }

    /** Moves start to the message that is the next to be sent; returns what is left of it. */
    private int findStart() {
        int at = head - (int) (position - start);
        while (at < head) {
            int size = size(at);
            if (size <= 0) {
                throw new StateMismatchException("the stored session's output is damaged");
            }
            if (at + size > head) {
                return at + size - head;
            }
            at += size;
            start += size;
        }
        return 0;
    }

    @Override
    void commit(int size) {
        super.commit(size);
        area.setLong(TAIL, position + (tail - head));
    }

    @Override
    void commit(int size, List<Fd> lent, List<Fd> owned) {
        attachments.add(position + (tail - head), lent, owned);
        super.commit(size, lent, owned);
        area.setLong(TAIL, position + (tail - head));
    }

    @Override
    boolean flush(MessageSender sender) {
        if (head == tail) {
            return true;
        }
        area.beforeNow();
        area.commit(); // what leaves is there to stay
        boolean all = super.flush(sender);
        if (all) {
            area.setLongNow(BASE, position);
        }
        return all;
    }

    @Override
    int transmit(MessageSender sender, int length, List<Fd> lent) {
        counted.clear();
        area.setLongNow(SENDING, position + 1);
        int sent = counted.send(socket, buffer, head, length, lent, MessageSender.DONT_WAIT);
        if (sent < 0) {
            area.setLongNow(SENDING, 0);
        }
        return sent;
    }

    @Override
    void moved() {
        area.setLongNow(SENT, position);
        findStart();
        area.setLongNow(START, start);
        area.setLongNow(SENDING, 0);
        attachments.sentUpTo(position);
    }

    @Override
    void makeRoom(int size) {
        int whole = head - (int) (position - start); // the rest of a message needs its beginning
        int length = tail - whole;
        if (whole < length || length + size > buffer.byteSize()) {
            throw new IllegalStateException("no room for a message of " + size + " bytes");
        }
        MemorySegment.copy(buffer, whole, buffer, 0, length);
        head -= whole;
        tail -= whole;
        area.setLongNow(BASE, start);
    }

    @Override
    public void close() {
        super.close();
        attachments.close();
    }
}
