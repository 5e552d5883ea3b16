package dev.muser.devices.nvme;

import org.jspecify.annotations.Nullable;

/** Creation and deletion of I/O queues, and Doorbell Buffer Config (NVMe base 1.4, 5.3 to 5.7). */
final class QueueCommands {
    private static final int CONTIGUOUS = 1;
    private static final int INTERRUPTS = 2;

    private final Controller controller;
    private final Processor processor;
    private final QueueTable queues;
    private final Features features;
    private final int most;

    QueueCommands(
            Controller controller,
            Processor processor,
            QueueTable queues,
            Features features,
            NvmeOptions options) {
        this.controller = controller;
        this.processor = processor;
        this.queues = queues;
        this.features = features;
        most = options.queues();
    }

    void createCompletionQueue(Command c) {
        int id = c.cdw10 & 0xffff;
        int size = (c.cdw10 >>> 16) + 1;
        int vector = c.cdw11 >>> 16;
        if (id == 0 || id > features.completionQueuesAllowed() || queues.completion(id) != null) {
            processor.finish(c, Status.INVALID_QUEUE_ID);
        } else if (!isQueueSize(size) || !controller.registers().knowsCompletionEntries()) {
            processor.finish(c, Status.INVALID_QUEUE_SIZE);
        } else if ((c.cdw11 & CONTIGUOUS) == 0) {
            processor.finish(c, Status.INVALID_FIELD);
        } else if (!isQueueAddress(c.pointer1)) {
            processor.finish(c, Status.PRP_OFFSET_INVALID);
        } else if (vector >= controller.vectorCount()) {
            processor.finish(c, Status.INVALID_INTERRUPT_VECTOR);
        } else {
            boolean interrupts = (c.cdw11 & INTERRUPTS) != 0;
            var queue = queues.addCompletion(id, c.pointer1, size, vector, interrupts);
            controller.signals().created(queue);
            controller.doorbells().clearHead(id);
            processor.finish(c, Status.SUCCESS);
        }
    }

    void createSubmissionQueue(Command c) {
        int id = c.cdw10 & 0xffff;
        int size = (c.cdw10 >>> 16) + 1;
        int completionId = c.cdw11 >>> 16;
        @Nullable CompletionQueue completions = queues.completion(completionId);
        if (completionId == 0 || completions == null) {
            processor.finish(
                    c,
                    completionId == 0 || completionId > most
                            ? Status.INVALID_QUEUE_ID
                            : Status.COMPLETION_QUEUE_INVALID);
        } else if (id == 0
                || id > features.submissionQueuesAllowed()
                || queues.submission(id) != null) {
            processor.finish(c, Status.INVALID_QUEUE_ID);
        } else if (!isQueueSize(size) || !controller.registers().knowsSubmissionEntries()) {
            processor.finish(c, Status.INVALID_QUEUE_SIZE);
        } else if ((c.cdw11 & CONTIGUOUS) == 0) {
            processor.finish(c, Status.INVALID_FIELD);
        } else if (!isQueueAddress(c.pointer1)) {
            processor.finish(c, Status.PRP_OFFSET_INVALID);
        } else {
            queues.addSubmission(id, c.pointer1, size, c.cdw11 >>> 1 & 3, completions);
            controller.doorbells().clearTail(id);
            processor.finish(c, Status.SUCCESS);
        }
    }

    /** CAP.MQES bounds it, and a queue has at least two entries. */
    private static boolean isQueueSize(int size) {
        return size >= 2 && size <= Controller.MOST_ENTRIES;
    }

    private boolean isQueueAddress(long address) {
        return (address & (controller.pageSize() - 1)) == 0;
    }

    /** Completes when the commands of the queue that are under way are over (5.6). */
    void deleteSubmissionQueue(Command c) {
        int id = c.cdw10 & 0xffff;
        var queue = queues.submission(id);
        if (id == 0 || queue == null || queue.closing) {
            processor.finish(c, Status.INVALID_QUEUE_ID);
            return;
        }
        queue.closing = true;
        queue.deletion = c;
        var half = queue.fused;
        queue.fused = null;
        if (half != null) {
            processor.finish(half, Status.MISSING_FUSED);
        } else if (queue.underWay == 0) {
            processor.drained(queue);
        }
    }

    void deleteCompletionQueue(Command c) {
        int id = c.cdw10 & 0xffff;
        var queue = queues.completion(id);
        if (id == 0 || queue == null) {
            processor.finish(c, Status.INVALID_QUEUE_ID);
        } else if (queue.users != 0) {
            processor.finish(c, Status.INVALID_QUEUE_DELETION);
        } else {
            queues.remove(queue);
            processor.inFlight().clear(id);
            controller.signals().forget(queue);
            processor.finish(c, Status.SUCCESS);
        }
    }

    /** Pages of the driver's that take the place of its doorbells. */
    void doorbellBuffer(Command c) {
        long page = controller.pageSize();
        if ((c.pointer1 & (page - 1)) != 0 || (c.pointer2 & (page - 1)) != 0) {
            processor.finish(c, Status.PRP_OFFSET_INVALID);
        } else if (controller.signals().isLineHeard()) {
            // a head that is written to memory alone would leave the line up
            processor.finish(c, Status.INVALID_FIELD);
        } else if (!controller.doorbells().useBuffer(c.pointer1, c.pointer2)) {
            processor.finish(c, Status.INVALID_FIELD);
        } else {
            processor.finish(c, Status.SUCCESS);
        }
    }
}
