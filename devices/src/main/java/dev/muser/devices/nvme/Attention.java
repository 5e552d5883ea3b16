package dev.muser.devices.nvme;

import dev.muser.device.EventLoop;
import dev.muser.device.pci.DeviceState;
import dev.muser.device.pci.StateField;
import dev.muser.device.pci.Width;
import java.lang.invoke.VarHandle;

/**
 * Whether a controller looks for work or sleeps.
 *
 * <p>It looks in every turn of the loop while there is work, and for a while afterwards. Then it
 * sleeps until somebody calls: a message that rings a doorbell, a storage that is done. A driver
 * with a doorbell buffer is asked to ring first, and one that maps the doorbells cannot call at
 * all: for that one a timer looks in at times.
 */
final class Attention {
    /** The clock is looked at once in so many turns without work. */
    private static final int TURNS_PER_CLOCK = 32;

    /** How often mapped doorbells are looked at when there has been nothing for long. */
    private static final long LOOK_IN = 1_000_000;

    private final Processor processor;
    private final Doorbells doorbells;
    private final QueueTable queues;
    private final Namespaces namespaces;
    private final CompletionSignals signals;
    private final boolean neverSleep;
    private final long spin;
    private final EventLoop.Poller poller;
    private final EventLoop.Timer lookIn;

    private boolean awake;
    private int idleTurns;
    private long idleSince;

    /** Since when it has been awake, and how long it was before. */
    private long awakeSince;

    private final StateField busy;

    /** Whether the client may ring doorbells without a message. */
    private boolean mapped;

    Attention(
            Processor processor,
            EventLoop loop,
            Doorbells doorbells,
            QueueTable queues,
            Namespaces namespaces,
            CompletionSignals signals,
            DeviceState state,
            NvmeOptions options) {
        busy = state.field("nvme.smart.busy", Width.U64);
        this.processor = processor;
        this.doorbells = doorbells;
        this.queues = queues;
        this.namespaces = namespaces;
        this.signals = signals;
        neverSleep = options.neverSleep();
        spin = options.spin().toNanos();
        poller = loop.poller(this::turn);
        lookIn = loop.timer(this::lookIn);
    }

    void mapped(boolean on) {
        mapped = on;
    }

    /** Hot. Looks for work from now on. */
    void wake() {
        if (!awake) {
            awake = true;
            awakeSince = System.nanoTime();
            idleTurns = 0;
            lookIn.disarm();
            namespaces.polling(true);
            poller.start();
        }
    }

    boolean isAwake() {
        return awake;
    }

    /** Returns how long there was something to do, in nanoseconds. */
    long busyNanos() {
        return busy.get() + (awake ? System.nanoTime() - awakeSince : 0);
    }

    private boolean turn() {
        if (processor.turn()) {
            idleTurns = 0;
            return true;
        }
        if (++idleTurns % TURNS_PER_CLOCK == 0) {
            long now = System.nanoTime();
            if (idleTurns == TURNS_PER_CLOCK) {
                idleSince = now;
            }
            if (queues.submissionCount() == 0 || (!neverSleep && now - idleSince >= spin)) {
                return !sleep();
            }
        }
        return false;
    }

    /** Returns false when there was work after all. */
    private boolean sleep() {
        idleTurns = 0;
        signals.flush();
        if (doorbells.isShadowed()) {
            askForRings();
            // the asking must be seen before the doorbells are looked at for the last time
            VarHandle.fullFence();
        }
        namespaces.polling(false);
        awake = false; // whoever has something to do from now on calls wake()
        if (processor.turn()) {
            wake();
        }
        if (awake) {
            return false;
        }
        busy.set(busy.get() + Math.max(0, idleSince - awakeSince));
        poller.stop();
        if (mapped && queues.submissionCount() != 0) {
            lookIn.arm(LOOK_IN);
        }
        return true;
    }

    private void askForRings() {
        for (int i = 0; i < queues.submissionCount(); i++) {
            var queue = queues.submissionAt(i);
            if (queue.id != 0) {
                doorbells.askForTail(queue.id, queue.head);
            }
        }
        for (int i = 0; i < queues.completionCount(); i++) {
            var queue = queues.completionAt(i);
            if (queue.id != 0 && (queue.hasDue() || (signals.isLine() && !queue.isEmpty()))) {
                doorbells.askForHead(queue.id, queue.head());
            }
        }
    }

    private void lookIn() {
        if (processor.turn()) {
            wake();
        } else if (mapped && queues.submissionCount() != 0) {
            lookIn.arm(LOOK_IN);
        }
    }

    void close() {
        poller.close();
        lookIn.close();
    }
}
