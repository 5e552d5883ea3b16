package dev.muser.devices.nvme;

import dev.muser.device.EventLoop;
import dev.muser.device.pci.DeviceState;
import dev.muser.device.pci.Interrupt;
import dev.muser.device.pci.StateField;
import dev.muser.device.pci.Width;
import java.util.Arrays;
import java.util.function.Supplier;

/**
 * Tells drivers of completions: not oftener than they can use.
 *
 * <p>A driver that has been told of a queue, and has not moved its head since, is still at work
 * there and will look again; of entries that have come meanwhile it is told when it has moved its
 * head, or has not for long. A line stays up as long as there are entries. Where interrupts are
 * coalesced (NVMe base 1.4, 5.21.1.8), the threshold or the time decide.
 */
final class CompletionSignals {
    /** Nanoseconds of a unit of the aggregation time. */
    private static final long TIME_UNIT = 100_000;

    /** A driver that leaves its head where it was for so many turns may not be at work at all. */
    private static final int PATIENCE = 1000;

    private final Interrupt[] vectors;
    private final Supplier<QueueTable> queues;
    private final EventLoop.Timer timer;
    private boolean timerArmed;

    /** Vectors that the driver has masked, for INTx and MSI (3.1.3). */
    private final StateField maskedVectors;

    /** The same, at hand. */
    private int masked;

    /** Entries that may wait, and how long; 0 for not at all. */
    private int threshold;

    private long time;

    /** By vector: whether coalescing is off for it (5.21.1.9). */
    private final boolean[] immediate;

    /** By vector: how many queues interrupt by it. */
    private final int[] users;

    /**
     * @param wake is run when waiting entries are due
     */
    CompletionSignals(
            DeviceState state,
            Interrupt[] vectors,
            Supplier<QueueTable> queues,
            EventLoop loop,
            Runnable wake) {
        maskedVectors = state.field("nvme.masked_vectors", Width.U32);
        this.vectors = vectors;
        this.queues = queues;
        immediate = new boolean[vectors.length];
        users = new int[vectors.length];
        timer =
                loop.timer(() -> {
                    timerArmed = false;
                    due();
                    wake.run();
                });
    }

    int vectorCount() {
        return vectors.length;
    }

    /** Hot. Whether interrupts are a line now, which follows the state of the queues. */
    boolean isLine() {
        return !vectors[0].isMessage();
    }

    /** Whether there is somebody who listens to the line. */
    boolean isLineHeard() {
        return vectors[0].isLineHeard();
    }

    /** Hot. Tells the driver of what is new in the queue, if it is time. */
    void tell(CompletionQueue queue) {
        if (queue.untold == 0) {
            return;
        }
        if (!queue.interrupts) {
            queue.untold = 0;
            return;
        }
        if (!queue.haveArrived() || (queue.told && ++queue.turnsTold < PATIENCE)) {
            return;
        }
        if (coalesces(queue) && queue.untold <= threshold) {
            if (!timerArmed) {
                timerArmed = true;
                timer.arm(Math.max(time, TIME_UNIT));
            }
            return;
        }
        send(queue);
    }

    private boolean coalesces(CompletionQueue queue) {
        return threshold > 0 && time > 0 && queue.id != 0 && !immediate[queue.vector];
    }

    private void send(CompletionQueue queue) {
        queue.untold = 0;
        queue.told = true;
        queue.turnsTold = 0;
        var vector = vectors[queue.vector];
        if (isMasked(queue.vector)) {
            return; // unmasking raises it
        }
        vector.post();
    }

    private boolean isMasked(int vector) {
        return vector < 32 && (masked >>> vector & 1) != 0;
    }

    /** Tells of all that waits, since nobody will look here for a while. */
    void flush() {
        var table = queues.get();
        for (int i = 0; i < table.completionCount(); i++) {
            var queue = table.completionAt(i);
            if (queue.untold != 0 && queue.interrupts && queue.haveArrived()) {
                if (!queue.told && coalesces(queue)) {
                    continue; // its timer runs
                }
                send(queue);
            }
        }
    }

    private void due() {
        var table = queues.get();
        for (int i = 0; i < table.completionCount(); i++) {
            var queue = table.completionAt(i);
            if (queue.untold != 0 && queue.interrupts && queue.haveArrived()) {
                send(queue);
            }
        }
    }

    /** Hot. The driver has moved the head of the queue. */
    void moved(CompletionQueue queue) {
        if (!queue.interrupts) {
            return;
        }
        queue.told = false;
        if (!queue.isEmpty() && queue.untold == 0 && isLine()) {
            queue.untold = 1; // a line stays up as long as there is something
        }
        if (queue.isEmpty()) {
            queue.untold = 0; // it has found them by itself
        }
        if (queue.isEmpty() && (users[queue.vector] == 1 || isQuiet(queue.vector))) {
            vectors[queue.vector].lower();
        }
    }

    /** A queue is new. */
    void created(CompletionQueue queue) {
        if (queue.interrupts) {
            users[queue.vector]++;
        }
    }

    /** Whether no queue of the vector has entries. */
    private boolean isQuiet(int vector) {
        var table = queues.get();
        for (int i = 0; i < table.completionCount(); i++) {
            var queue = table.completionAt(i);
            if (queue.interrupts && queue.vector == vector && !queue.isEmpty()) {
                return false;
            }
        }
        return true;
    }

    /** The queue is no more. */
    void forget(CompletionQueue queue) {
        if (queue.interrupts) {
            users[queue.vector]--;
        }
        if (queue.interrupts && isQuiet(queue.vector)) {
            vectors[queue.vector].lower();
        }
    }

    /** The queues are those of a process before this one, or there are none. */
    void open() {
        masked = (int) maskedVectors.get();
        Arrays.fill(users, 0);
        var table = queues.get();
        for (int i = 0; i < table.completionCount(); i++) {
            var queue = table.completionAt(i);
            created(queue);
        }
        for (int i = 0; i < vectors.length; i++) {
            if (isQuiet(i)) {
                vectors[i].lower();
            }
        }
    }

    /** What has been told is not known: the driver is told of all that it has not taken. */
    void tellAll() {
        var table = queues.get();
        for (int i = 0; i < table.completionCount(); i++) {
            var queue = table.completionAt(i);
            queue.untold = queue.unread();
        }
    }

    /** Takes the Interrupt Coalescing feature's value. */
    void coalesce(int feature) {
        threshold = feature & 0xff;
        time = (feature >>> 8 & 0xff) * TIME_UNIT;
    }

    void immediate(int vector, boolean on) {
        immediate[vector] = on;
    }

    /** Returns the mask of vectors. */
    int masked() {
        return masked;
    }

    private void setMasked(int bits) {
        masked = bits;
        maskedVectors.set(bits);
    }

    void mask(int bits) {
        setMasked(masked | bits);
        for (int i = 0; i < Math.min(32, vectors.length); i++) {
            if ((bits >>> i & 1) != 0) {
                vectors[i].lower();
            }
        }
    }

    void unmask(int bits) {
        setMasked(masked & ~bits);
        for (int i = 0; i < Math.min(32, vectors.length); i++) {
            if ((bits >>> i & 1) != 0 && !isQuiet(i)) {
                vectors[i].post();
            }
        }
    }

    /** The controller is reset: nothing is masked, coalesced or waiting. */
    void reset() {
        setMasked(0);
        threshold = 0;
        time = 0;
        Arrays.fill(immediate, false);
        Arrays.fill(users, 0);
        timer.disarm();
        timerArmed = false;
        for (var vector : vectors) {
            vector.lower();
        }
    }
}
