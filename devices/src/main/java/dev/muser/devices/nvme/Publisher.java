package dev.muser.devices.nvme;

import dev.muser.device.pci.DeviceState;
import dev.muser.device.pci.GuestMemory;
import java.util.ArrayList;
import java.util.List;

/**
 * From commands that are done to entries in the driver's completion queues, and how far the driver
 * has got with them. Owned by the loop's thread.
 */
final class Publisher {
    private final Controller controller;
    private final Processor processor;
    private final GuestMemory memory;
    private final Doorbells doorbells;
    private final QueueTable queues;
    private final CompletionSignals signals;
    private final DeviceState state;

    /** Queues that are no more, with completions on their way by message. */
    private final List<CompletionQueue> leaving = new ArrayList<>();

    Publisher(
            Controller controller,
            Processor processor,
            GuestMemory memory,
            Doorbells doorbells,
            QueueTable queues,
            CompletionSignals signals,
            DeviceState state) {
        this.controller = controller;
        this.processor = processor;
        this.memory = memory;
        this.doorbells = doorbells;
        this.queues = queues;
        this.signals = signals;
        this.state = state;
    }

    /** Hot. Writes what is due, and tells drivers. */
    boolean publish() {
        boolean any = false;
        for (int i = 0; i < queues.completionCount(); i++) {
            var queue = queues.completionAt(i);
            if (queue.hasDue()) {
                observe(queue);
                if (queues.completionAtOrNull(i) != queue) {
                    return true; // it has failed
                }
                state.commit(); // what these commands have changed
                state.step();
                int n = queue.publish(memory);
                if (n < 0 || queue.hasFailed()) {
                    controller.fail("completion queue %d cannot be written".formatted(queue.id));
                    return true;
                }
                any |= n > 0;
            } else if (queue.interrupts && (queue.told || signals.isLine())) {
                observe(queue);
            }
            signals.tell(queue);
        }
        return any;
    }

    /** Hot. Sees how far the driver has got. */
    void observe(CompletionQueue queue) {
        long head = doorbells.head(queue.id);
        if (head == queue.head()) {
            return;
        }
        if (head >= 0 && queue.accepts((int) Math.min(head, Integer.MAX_VALUE))) {
            queue.head((int) head);
            state.step();
            signals.moved(queue);
        } else if (head < 0) {
            controller.fail("the doorbell buffer is gone");
        } else if (queue.refuses(head)) {
            processor.admin().events().invalidDoorbellValue();
        }
    }

    /** Notes what has become of commands so far: what follows depends on it. */
    void noteOutcomes() {
        for (int i = 0; i < queues.completionCount(); i++) {
            var queue = queues.completionAt(i);
            if (queue.id != 0) {
                queue.noteOutcomes();
            }
        }
    }

    /** The queues are about to go, maybe with completions on their way. */
    void leave() {
        for (int i = 0; i < queues.completionCount(); i++) {
            var queue = queues.completionAt(i);
            if (!queue.haveArrived()) {
                leaving.add(queue);
            }
        }
    }

    /** Whether nothing of queues that are no more is on its way. */
    boolean haveArrived() {
        leaving.removeIf(CompletionQueue::haveArrived);
        return leaving.isEmpty();
    }
}
