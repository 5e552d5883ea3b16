package dev.muser.devices.nvme;

import org.jspecify.annotations.Nullable;

/** Puts the halves of fused operations together: compare, then write (NVMe base 1.4, 6.2). */
final class FusedCommands {
    private static final int FIRST = 1;
    private static final int SECOND = 2;

    private final Processor processor;

    FusedCommands(Processor processor) {
        this.processor = processor;
    }

    /**
     * Takes the next command of its queue, which is a half or follows one.
     *
     * @return what can be done now: an operation by itself, or the first half with its {@link
     *     Command#second}; null when there is nothing
     */
    @Nullable Command take(Command c) {
        var queue = c.queue();
        var first = queue.fused;
        queue.fused = null;
        if (c.fuse == SECOND) {
            if (first == null) {
                processor.finish(c, Status.MISSING_FUSED);
                return null;
            }
            return join(first, c);
        }
        if (first != null) {
            processor.finish(first, Status.MISSING_FUSED);
        }
        if (c.fuse == FIRST) {
            queue.fused = c;
            return null;
        }
        if (c.fuse != 0) {
            processor.finish(c, Status.INVALID_FIELD);
            return null;
        }
        return c;
    }

    private @Nullable Command join(Command first, Command second) {
        boolean same =
                first.nsid == second.nsid
                        && first.firstBlock() == second.firstBlock()
                        && first.blocks() == second.blocks();
        if (first.opcode != Opcode.COMPARE || second.opcode != Opcode.WRITE || !same) {
            processor.finish(first, Status.INVALID_FIELD);
            processor.finish(second, Status.INVALID_FIELD);
            return null;
        }
        first.second = second;
        return first;
    }
}
