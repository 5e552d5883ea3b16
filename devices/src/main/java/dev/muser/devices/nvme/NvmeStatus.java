package dev.muser.devices.nvme;

import java.util.List;
import java.util.UUID;

/**
 * What a controller is doing, at one moment.
 *
 * @param serial its serial number
 * @param model its model number
 * @param state how far its driver has got with it
 * @param namespaces in ascending order of their identifiers
 * @param submissionQueues in ascending order, the admin queue first
 * @param completionQueues likewise
 * @param doorbell how it hears of work
 * @param shadowed whether the driver writes doorbells to its own memory
 * @param awake whether it is looking for work, or sleeps
 * @param commandsUnderWay commands that were fetched and will complete by themselves
 */
public record NvmeStatus(
        String serial,
        String model,
        State state,
        List<NamespaceStatus> namespaces,
        List<SubmissionQueueStatus> submissionQueues,
        List<CompletionQueueStatus> completionQueues,
        Doorbell doorbell,
        boolean shadowed,
        boolean awake,
        int commandsUnderWay) {

    /** How far a driver has got with a controller. */
    public enum State {
        DISABLED,
        READY,
        SHUT_DOWN,
        /** It has to be reset. */
        FATAL,
        /** It waits for a disk to move in. */
        EXPECTING,
        /** It was at another server last. */
        AWAY
    }

    /**
     * A namespace.
     *
     * @param id its identifier
     * @param size in bytes
     * @param blockSize in bytes
     * @param attached whether the driver can use it
     * @param readOnly whether writes are refused
     * @param formatting whether a format is under way
     * @param uuid what it is known by
     * @param description for people
     * @param counters what went in and out
     */
    public record NamespaceStatus(
            int id,
            long size,
            int blockSize,
            boolean attached,
            boolean readOnly,
            boolean formatting,
            UUID uuid,
            String description,
            NamespaceCounters counters) {}

    /**
     * A submission queue.
     *
     * @param id its identifier
     * @param size in entries
     * @param completionQueue where its commands complete
     * @param priority 0 urgent to 3 low
     * @param head the next entry to fetch
     * @param tail as the driver has last said, any value
     * @param waiting entries that have not been fetched
     * @param underWay commands that were fetched and are not over
     */
    public record SubmissionQueueStatus(
            int id,
            int size,
            int completionQueue,
            int priority,
            int head,
            long tail,
            int waiting,
            int underWay) {}

    /**
     * A completion queue.
     *
     * @param id its identifier
     * @param size in entries
     * @param vector its interrupt
     * @param interrupts whether it has one at all
     * @param head as the driver has last said
     * @param tail where the next entry goes
     * @param waiting entries that the driver has not taken
     */
    public record CompletionQueueStatus(
            int id, int size, int vector, boolean interrupts, int head, int tail, int waiting) {}

    public NvmeStatus {
        namespaces = List.copyOf(namespaces);
        submissionQueues = List.copyOf(submissionQueues);
        completionQueues = List.copyOf(completionQueues);
    }
}
