package dev.muser.fuzz;

import dev.muser.device.DmaCompletion;
import dev.muser.device.DmaPort;
import dev.muser.linux.Errno;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Queue;

/**
 * A client's memory that the device has to ask for: what a read finds is decided when it is
 * answered, so that the same address may hold something else each time.
 */
final class AskedMemory implements DmaPort {
    static final int SIZE = 0x2_0000;

    /** As many as a session lets wait. */
    private static final int MOST = 65_536;

    /** Is told what the device reads and writes, when it does. */
    interface Watcher {
        /** Fills what is read; returns false for what is there. */
        default boolean fill(long iova, MemorySegment into) {
            return false;
        }

        /** This has been read. */
        default void read(long iova, MemorySegment bytes) {}

        /** This has been written. */
        default void written(long iova, MemorySegment bytes) {}

        /** The client has refused. */
        default void refused(long iova) {}
    }

    private record Message(
            long iova, MemorySegment bytes, boolean read, DmaCompletion completion) {}

    private final MemorySegment content = MemorySegment.ofArray(new byte[SIZE]);
    private final Queue<Message> asked = new ArrayDeque<>();
    private final Watcher watcher;
    private long writes;

    AskedMemory(Watcher watcher) {
        this.watcher = watcher;
    }

    @Override
    public void read(long iova, MemorySegment into, DmaCompletion completion) {
        add(new Message(iova, into, true, completion));
    }

    @Override
    public void write(long iova, MemorySegment from, DmaCompletion completion) {
        var copy = MemorySegment.ofArray(new byte[(int) from.byteSize()]).copyFrom(from);
        add(new Message(iova, copy, false, completion));
        writes++;
    }

    private void add(Message message) {
        if (asked.size() >= MOST) {
            message.completion.done(Errno.EBUSY);
        } else {
            asked.add(message);
        }
    }

    boolean isAsked() {
        return !asked.isEmpty();
    }

    /** Returns how many writes wait for their answer. */
    long writesUnderWay() {
        return writes;
    }

    /** Answers one message as the input says. Ways: 0 as it is, 1 sparse, 2 raw, 3 an error. */
    void answer(int way, Input input) {
        var message = asked.poll();
        if (message == null) {
            return;
        }
        int errno = way == 3 ? 1 + (input.u8() & 0x7f) : 0;
        if (errno != 0) {
            watcher.refused(message.iova);
        } else if (message.read) {
            load(message, way, input);
            watcher.read(message.iova, message.bytes);
        } else {
            store(message);
            watcher.written(message.iova, message.bytes);
        }
        writes -= message.read ? 0 : 1;
        message.completion.done(errno);
    }

    private void load(Message message, int way, Input input) {
        var into = message.bytes;
        if (watcher.fill(message.iova, into)) {
            return;
        }
        switch (way) {
            case 1 -> input.sparse(into);
            case 2 -> input.raw(into);
            default -> {
                into.fill((byte) 0);
                if (isInside(message)) {
                    MemorySegment.copy(content, message.iova, into, 0, into.byteSize());
                }
            }
        }
    }

    private void store(Message message) {
        if (isInside(message)) {
            MemorySegment.copy(message.bytes, 0, content, message.iova, message.bytes.byteSize());
        }
    }

    private static boolean isInside(Message message) {
        return message.iova >= 0 && message.iova <= SIZE - message.bytes.byteSize();
    }

    /** Of what it is asked, reads have gone to the client, and writes have not. */
    @Override
    public void cancel() {
        for (int n = asked.size(); n > 0; n--) {
            var message = asked.remove();
            if (message.read) {
                asked.add(message);
            } else {
                writes--;
                message.completion.done(Errno.ECANCELED);
            }
        }
    }

    /** The session has ended: nobody waits for an answer any more. */
    void end() {
        asked.clear();
        writes = 0;
    }
}
