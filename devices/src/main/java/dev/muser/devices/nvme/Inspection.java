package dev.muser.devices.nvme;

import dev.muser.devices.nvme.NvmeStatus.CompletionQueueStatus;
import dev.muser.devices.nvme.NvmeStatus.NamespaceStatus;
import dev.muser.devices.nvme.NvmeStatus.State;
import dev.muser.devices.nvme.NvmeStatus.SubmissionQueueStatus;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Describes a controller for people. Changes nothing. */
final class Inspection {
    private final Controller controller;
    private final NvmeOptions options;

    Inspection(Controller controller, NvmeOptions options) {
        this.controller = controller;
        this.options = options;
    }

    NvmeStatus describe() {
        var processor = controller.processor();
        return new NvmeStatus(
                options.serial(),
                options.model(),
                state(),
                controller.namespaces().all().stream().map(Inspection::describe).toList(),
                submissionQueues(processor.queues()),
                completionQueues(processor.queues()),
                options.doorbell(),
                controller.doorbells().isShadowed(),
                processor.attention().isAwake(),
                processor.queues().commandsUnderWay());
    }

    /** Returns what two controllers have in common of which one can go on as the other. */
    Map<String, String> traits() {
        var traits = new LinkedHashMap<String, String>();
        traits.put("serial", options.serial());
        traits.put("model", options.model());
        traits.put("vectors", Integer.toString(options.vectors()));
        traits.put("queues", Integer.toString(options.queues()));
        var namespaces = controller.namespaces().all();
        traits.put("namespaces", Integer.toString(namespaces.size()));
        for (var namespace : namespaces) {
            traits.put(
                    "namespace." + namespace.uuid(),
                    "%d bytes%s"
                            .formatted(
                                    namespace.info().size(),
                                    namespace.isAlwaysReadOnly() ? ", read-only" : ""));
        }
        return traits;
    }

    private State state() {
        var registers = controller.registers();
        if (registers.isFatal()) {
            return State.FATAL;
        }
        if (!controller.custody().isHere()) {
            return controller.custody().isExpected() ? State.EXPECTING : State.AWAY;
        }
        if (!registers.isReady()) {
            return State.DISABLED;
        }
        return registers.isShutDown() ? State.SHUT_DOWN : State.READY;
    }

    private static NamespaceStatus describe(Namespace namespace) {
        return new NamespaceStatus(
                namespace.id,
                namespace.info().size(),
                1 << namespace.shift(),
                namespace.isAttached(),
                namespace.isReadOnly(),
                namespace.formatting,
                namespace.uuid(),
                namespace.description(),
                namespace.counters());
    }

    private List<SubmissionQueueStatus> submissionQueues(QueueTable queues) {
        var list = new ArrayList<SubmissionQueueStatus>();
        for (int i = 0; i < queues.submissionCount(); i++) {
            var queue = queues.submissionAt(i);
            long tail = controller.doorbells().tail(queue.id);
            boolean right = tail >= 0 && tail < queue.size;
            list.add(
                    new SubmissionQueueStatus(
                            queue.id,
                            queue.size,
                            queue.completions.id,
                            queue.priority,
                            queue.head,
                            tail,
                            right ? queue.available((int) tail) : 0,
                            queue.underWay));
        }
        return list;
    }

    private static List<CompletionQueueStatus> completionQueues(QueueTable queues) {
        var list = new ArrayList<CompletionQueueStatus>();
        for (int i = 0; i < queues.completionCount(); i++) {
            var queue = queues.completionAt(i);
            list.add(
                    new CompletionQueueStatus(
                            queue.id,
                            queue.size,
                            queue.vector,
                            queue.interrupts,
                            queue.head(),
                            queue.tail,
                            queue.unread()));
        }
        return list;
    }
}
