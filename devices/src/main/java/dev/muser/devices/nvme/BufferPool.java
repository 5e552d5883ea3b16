package dev.muser.devices.nvme;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/**
 * Private memory for data that must be looked at, or that the driver does not share. Bounded: a
 * command that finds none waits for one.
 */
final class BufferPool {
    /** In bytes, as much as one command can move. */
    private final int size;

    private final int most;
    private final ArrayDeque<MemorySegment> free = new ArrayDeque<>();
    private final ArrayDeque<Command> waiting = new ArrayDeque<>();
    private final ArrayDeque<Continuation> waitingFor = new ArrayDeque<>();
    private int made;

    BufferPool(int size, int most) {
        this.size = size;
        this.most = most;
    }

    /** Gives the command a buffer, now or when there is one, and goes on with it then. */
    void lend(Command command, Continuation then) {
        var buffer = take();
        if (buffer == null) {
            waiting.add(command);
            waitingFor.add(then);
        } else {
            command.buffer = buffer;
            then.run(command, 0);
        }
    }

    private @Nullable MemorySegment take() {
        if (free.isEmpty() && made < most) {
            made++;
            return Arena.ofAuto().allocate(size, 4096);
        }
        return free.poll();
    }

    /** Takes back what a command was lent, if it was. */
    void giveBack(Command command) {
        var buffer = command.buffer;
        if (buffer == null) {
            return;
        }
        command.buffer = null;
        free.push(buffer);
        if (!waiting.isEmpty()) {
            lend(waiting.remove(), waitingFor.remove());
        }
    }

    /** Nobody waits any more. */
    void clear() {
        waiting.clear();
        waitingFor.clear();
    }
}
