package dev.muser.devices.nvme;

import dev.muser.device.pci.DeviceState;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;

/**
 * Goes on with the commands that were in flight when a process before this one died: posts what was
 * done, and does again what was not.
 *
 * <p>Commands of I/O queues come before those of the admin queue, which may wait for their end, and
 * before both those writes whose blocks have been compared: they had their namespace for
 * themselves. Nothing new is fetched meanwhile.
 */
final class Restart {
    // classes of commands, in the order in which they begin
    private static final long COMPARED = 0;
    private static final long IO = 1;
    private static final long ADMIN = 2;

    private static final int SLOT_BITS = 12;
    private static final int SECOND = 2;

    private record Again(int slot, int ahead) {}

    private final Processor processor;
    private final QueueTable queues;
    private final InFlight inFlight;
    private final CommandPool pool;
    private final NvmCommands nvm;
    private final DeviceState state;

    /** Commands to begin: class, queue, how long they have been fetched, and slot. */
    private long[] waiting = {};

    private int next;

    /** Slots of second halves that have begun with their first. */
    private final BitSet begun = new BitSet();

    Restart(
            Processor processor,
            QueueTable queues,
            InFlight inFlight,
            CommandPool pool,
            NvmCommands nvm,
            DeviceState state) {
        this.processor = processor;
        this.queues = queues;
        this.inFlight = inFlight;
        this.pool = pool;
        this.nvm = nvm;
        this.state = state;
    }

    /** Hot. Whether everything of the process before has begun. */
    boolean isOver() {
        return next == waiting.length;
    }

    /** The controller is reset. */
    void clear() {
        waiting = new long[0];
        next = 0;
        begun.clear();
    }

    /** Looks what there is. The queues are there. */
    void open() {
        clear();
        var keys = new long[inFlight.used()];
        int count = 0;
        for (int slot = 0; slot < keys.length; slot++) {
            if (!inFlight.isFree(slot) && !inFlight.isDone(slot)) {
                var queue = queues.submission(inFlight.submissionQueue(slot));
                if (queue == null || !queue.hasFetched(inFlight.fetchedBefore(slot))) {
                    inFlight.drop(slot); // it is fetched once more
                } else {
                    queue.underWay++;
                    queue.completions.underWay++;
                    keys[count++] = key(slot, queue);
                }
            }
        }
        waiting = Arrays.copyOf(keys, count);
        Arrays.sort(waiting);
        for (int i = 0; i < QueueTable.MOST; i++) {
            post(i);
        }
    }

    private long key(int slot, SubmissionQueue queue) {
        long kind = inFlight.isCompared(slot) ? COMPARED : queue.id == 0 ? ADMIN : IO;
        long age = queue.fetchedSince(inFlight.fetchedBefore(slot));
        long order = 0xffff_ffffL - age;
        return ((kind << 8) | queue.id) << (32 + SLOT_BITS) | (order << SLOT_BITS) | slot;
    }

    /** Completions that are due in a queue; first those that were on their way. */
    private void post(int completionQueue) {
        var queue = queues.completion(completionQueue);
        List<Again> again = new ArrayList<>();
        for (int slot = 0; slot < inFlight.used(); slot++) {
            boolean mine =
                    !inFlight.isFree(slot)
                            && inFlight.isDone(slot)
                            && inFlight.completionQueue(slot) == completionQueue;
            if (!mine) {
                continue;
            }
            int ahead = queue == null ? -1 : queue.ahead(slot);
            if (queue == null || (inFlight.isPosting(slot) && ahead < 0)) {
                inFlight.drop(slot); // it was posted
            } else if (inFlight.isPosting(slot)) {
                again.add(new Again(slot, ahead));
            } else {
                queue.add(
                        slot,
                        inFlight.outcome(slot),
                        headOf(slot),
                        inFlight.submissionQueue(slot),
                        inFlight.commandId(slot));
            }
        }
        if (queue != null && !again.isEmpty()) {
            again.sort(Comparator.comparingInt(Again::ahead));
            queue.postAgain(
                    again.stream().mapToInt(Again::slot).toArray(),
                    again.stream().mapToInt(a -> headOf(a.slot)).toArray());
        }
    }

    private int headOf(int slot) {
        var queue = queues.submission(inFlight.submissionQueue(slot));
        return queue == null ? 0 : queue.head;
    }

    /** Hot. Begins as much as a turn may; returns whether there was anything. */
    boolean run() {
        if (isOver()) {
            return false;
        }
        while (!isOver() && !processor.isSpent()) {
            begin((int) waiting[next++] & (InFlight.SLOTS - 1));
        }
        if (isOver()) {
            clear();
            processor.restarted();
        }
        return true;
    }

    private void begin(int slot) {
        if (begun.get(slot)) {
            return;
        }
        if (inFlight.isCompared(slot)) {
            int partner = neighbour(slot, 1);
            if (partner >= 0) {
                begun.set(partner);
            }
            beginCompared(slot, partner);
            return;
        }
        int first = inFlight.fuse(slot) == SECOND ? neighbour(slot, -1) : -1;
        begin(slot, first >= 0 && inFlight.isDone(first));
    }

    /**
     * @param withoutFirst whether it is the second half of an operation whose first half has failed
     */
    private void begin(int slot, boolean withoutFirst) {
        var command = take(slot);
        if (withoutFirst) {
            processor.finish(command, Status.FAILED_FUSED);
        } else {
            processor.execute(command);
        }
        processor.spend(command.dataLength);
        state.step();
    }

    /**
     * Goes on with a fused operation whose blocks have been compared.
     *
     * @param second where the write is; it may be done already
     */
    private void beginCompared(int first, int second) {
        var compared = take(first);
        if (second < 0 || inFlight.isDone(second)) {
            processor.finish(compared, Status.SUCCESS);
        } else {
            var write = take(second);
            nvm.goOnWithSecond(compared, write);
            processor.spend(write.dataLength);
        }
        state.step();
    }

    private Command take(int slot) {
        var command = pool.take();
        command.begin(
                Objects.requireNonNull(queues.submission(inFlight.submissionQueue(slot))), slot);
        command.decode(inFlight.entries(), InFlight.at(slot));
        return command;
    }

    /** Returns the slot of the command so many places further in its queue; -1 when it is over. */
    private int neighbour(int slot, int distance) {
        int wanted = inFlight.fetchedBefore(slot) + distance;
        for (int i = 0; i < inFlight.used(); i++) {
            if (!inFlight.isFree(i)
                    && inFlight.submissionQueue(i) == inFlight.submissionQueue(slot)
                    && inFlight.fetchedBefore(i) == wanted) {
                return i;
            }
        }
        return -1;
    }
}
