package dev.muser.testkit.restart;

import dev.muser.device.DmaCompletion;
import dev.muser.device.DmaPort;
import dev.muser.linux.Errno;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Queue;

/**
 * A client that is asked for its memory by message, and answers when it is told to. As with a
 * session that survives, what was asked for in a transaction that came to its end has left, and is
 * done by the client whatever becomes of the device; the rest has not.
 */
final class MessagePort implements DmaPort {
    private record Message(
            long iova, MemorySegment bytes, boolean read, DmaCompletion completion) {}

    private final MemorySegment memory;
    private final long memoryAt;
    private final Queue<Message> asked = new ArrayDeque<>();
    private final Queue<Message> sent = new ArrayDeque<>();
    private int answered;

    MessagePort(MemorySegment memory, long memoryAt) {
        this.memory = memory;
        this.memoryAt = memoryAt;
    }

    @Override
    public void read(long iova, MemorySegment into, DmaCompletion completion) {
        asked.add(new Message(iova, into, true, completion));
    }

    @Override
    public void write(long iova, MemorySegment from, DmaCompletion completion) {
        var copy = MemorySegment.ofArray(new byte[(int) from.byteSize()]).copyFrom(from);
        asked.add(new Message(iova, copy, false, completion));
    }

    /** What was asked for has left. */
    void commit() {
        sent.addAll(asked);
        asked.clear();
    }

    /** Answers one message; returns false when there is none. */
    boolean answer() {
        var message = sent.poll();
        if (message == null) {
            return false;
        }
        answered++;
        message.completion.done(perform(message));
        return true;
    }

    /** Does what was asked for, for a device that will not hear of it. */
    void finish() {
        asked.clear();
        for (var message = sent.poll(); message != null; message = sent.poll()) {
            if (!message.read) {
                perform(message);
            }
        }
    }

    private int perform(Message message) {
        long at = message.iova - memoryAt;
        long length = message.bytes.byteSize();
        if (at < 0 || at > memory.byteSize() - length) {
            return Errno.EFAULT;
        }
        if (message.read) {
            MemorySegment.copy(memory, at, message.bytes, 0, length);
        } else {
            MemorySegment.copy(message.bytes, 0, memory, at, length);
        }
        return 0;
    }

    /** Returns how many messages it has answered. */
    int answered() {
        return answered;
    }
}
