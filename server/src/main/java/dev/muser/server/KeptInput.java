package dev.muser.server;

import dev.muser.device.state.StateArea;
import dev.muser.linux.Errno;
import dev.muser.linux.MessageReceiver;
import dev.muser.linux.UnixSocket;
import java.lang.foreign.MemorySegment;

/**
 * The incoming half of a connection that outlives the process: messages are read where they are,
 * and taken off the socket when they have been handled.
 *
 * <p>How much has been handled is part of the transaction. How much has been taken is known
 * whatever instruction the process dies at, since the kernel counts it: a receive moves the
 * socket's peek offset back, and nothing else does while something is being taken.
 */
final class KeptInput extends Input {
    static final int AREA_SIZE = 64;

    // the area: position in the stream up to which messages are handled @0, taken off @8; while
    // @24 is 1, something is being taken, and the peek offset stands for the position @16
    private static final int HANDLED = 0;
    private static final int TAKEN = 8;
    private static final int PEEKED = 16;
    private static final int TAKING = 24;

    private final StateArea area;
    private long taken;
    private long peeked;
    private boolean received;

    /**
     * @param area says where a process before this one stopped; all zero at the beginning of the
     *     stream
     */
    KeptInput(UnixSocket socket, int maxMessage, StateArea area) {
        super(socket, maxMessage);
        this.area = area;
        if (area.getLong(TAKING) != 0) {
            area.setLongNow(TAKEN, area.getLong(PEEKED) - socket.peekOffset());
            area.setLongNow(TAKING, 0);
        }
        taken = area.getLong(TAKEN);
        long handled = area.getLong(HANDLED);
        peeked = handled;
        socket.peekOffset((int) (handled - taken));
        resumeAt(handled);
    }

    @Override
    int receive(MessageReceiver receiver, MemorySegment into, int at, int length) {
        int n =
                receiver.receive(
                        socket, into, at, length, MessageReceiver.PEEK | MessageReceiver.DONT_WAIT);
        received = n > 0;
        if (received) {
            peeked += n;
        }
        return n;
    }

    @Override
    void consume(int size) {
        super.consume(size);
        area.setLong(HANDLED, position());
    }

    @Override
    void takeOff(Buffers buffers) {
        long left = position() - taken;
        while (left > 0) {
            area.setLongNow(PEEKED, peeked);
            area.setLongNow(TAKING, 1);
            var scratch = buffers.scratch();
            int n = socket.fd().read(scratch, 0, (int) Math.min(left, scratch.byteSize()));
            if (n > 0) {
                taken += n;
                left -= n;
                area.setLongNow(TAKEN, taken);
            }
            area.setLongNow(TAKING, 0);
            if (n <= 0 && n != -Errno.EINTR) {
                throw new ConnectionLost("receive: " + Errno.describe(-n), 0);
            }
        }
    }

    @Override
    boolean wantsMore() {
        return received && isPartial();
    }

    @Override
    boolean leavesBytes() {
        return isPartial();
    }
}
