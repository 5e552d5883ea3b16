package dev.muser.devices.nvme;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;

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
    private boolean handing;

    BufferPool(int size, int most) {
        this.size = size;
        this.most = most;
    }

    /** Gives the command a buffer, now or when there is one, and goes on with it then. */
    void lend(Command command, Continuation then) {
        if (waiting.isEmpty() && !handing && hasFree()) {
            hand(command, then);
        } else {
            waiting.add(command);
            waitingFor.add(then);
            handOut();
        }
    }

    private boolean hasFree() {
        return !free.isEmpty() || made < most;
    }

    private void hand(Command command, Continuation then) {
        var buffer = free.poll();
        if (buffer == null) {
            made++;
            buffer = Arena.ofAuto().allocate(size, 4096);
        }
        command.buffer = buffer;
        command.lender = this;
        then.run(command, 0);
    }

    /** One after the other: what goes on with a buffer may give it back before it returns. */
    private void handOut() {
        if (handing) {
            return;
        }
        handing = true;
        try {
            while (!waiting.isEmpty() && hasFree()) {
                hand(waiting.remove(), waitingFor.remove());
            }
        } finally {
            handing = false;
        }
    }

    /** Takes back what a command was lent, if it was. */
    static void giveBack(Command command) {
        var buffer = command.buffer;
        var lender = command.lender;
        command.buffer = null;
        command.lender = null;
        if (buffer != null && lender != null) {
            lender.free.push(buffer);
            lender.handOut();
        }
    }

    /** Nobody waits any more. */
    void clear() {
        waiting.clear();
        waitingFor.clear();
    }
}
