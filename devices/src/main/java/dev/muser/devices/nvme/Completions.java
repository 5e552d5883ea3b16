package dev.muser.devices.nvme;

import dev.muser.device.pci.DeviceState;
import dev.muser.device.pci.GuestMemory;
import java.util.ArrayList;
import java.util.List;

/** The way of completions to drivers, and of what drivers say about those that they have taken. */
final class Completions {
    private final Controller controller;
    private final DeviceState state;
    private final GuestMemory memory;
    private final Doorbells doorbells;
    private final QueueTable queues;
    private final CompletionSignals signals;
    private final AdminCommands admin;

    /** Queues that are no more, with completions on their way by message. */
    private final List<CompletionQueue> leaving = new ArrayList<>();

    Completions(
            Controller controller,
            DeviceState state,
            GuestMemory memory,
            Doorbells doorbells,
            QueueTable queues,
            CompletionSignals signals,
            AdminCommands admin) {
        this.controller = controller;
        this.state = state;
        this.memory = memory;
        this.doorbells = doorbells;
        this.queues = queues;
        this.signals = signals;
        this.admin = admin;
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
            admin.events().invalidDoorbellValue();
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

    /** Another process has told the driver, maybe: tells it of all that it has not taken. */
    void tellAll() {
        for (int i = 0; i < queues.completionCount(); i++) {
            observe(queues.completionAt(i));
        }
        signals.tellAll();
    }

    /** All queues are about to go. */
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
