package dev.muser.devices.nvme;

import dev.muser.device.pci.DeviceState;
import dev.muser.device.pci.GuestMemory;
import org.jspecify.annotations.Nullable;

/** The queues of a controller: by identifier, and those that there are. */
final class QueueTable {
    static final int MOST = NvmeOptions.MOST_QUEUES + 1;

    private final QueueRecords submissionRecords;
    private final QueueRecords completionRecords;
    private final GuestMemory memory;
    private final InFlight inFlight;
    private final Runnable arrived;
    private final @Nullable SubmissionQueue[] submissions = new @Nullable SubmissionQueue[MOST];
    private final @Nullable CompletionQueue[] completions = new @Nullable CompletionQueue[MOST];
    private SubmissionQueue[] submissionList = new SubmissionQueue[0];
    private CompletionQueue[] completionList = new CompletionQueue[0];

    /**
     * @param arrived is run when an entry that went by message has arrived
     */
    QueueTable(DeviceState state, GuestMemory memory, InFlight inFlight, Runnable arrived) {
        submissionRecords = QueueRecords.submissions(state);
        completionRecords = QueueRecords.completions(state);
        this.memory = memory;
        this.inFlight = inFlight;
        this.arrived = arrived;
    }

    /** Returns the submission queue of an identifier, 0 to 65535, or null. */
    @Nullable SubmissionQueue submission(int id) {
        return id < MOST ? submissions[id] : null;
    }

    /** Returns the completion queue of an identifier, 0 to 65535, or null. */
    @Nullable CompletionQueue completion(int id) {
        return id < MOST ? completions[id] : null;
    }

    void addSubmission(
            int id, long address, int size, int priority, CompletionQueue completionQueue) {
        submissionRecords.create(id, address, size, completionQueue.id, priority);
        openSubmission(id, completionQueue);
        list();
    }

    private void openSubmission(int id, CompletionQueue completionQueue) {
        submissions[id] =
                new SubmissionQueue(id, submissionRecords, completionQueue, memory.window());
        completionQueue.users++;
    }

    CompletionQueue addCompletion(int id, long address, int size, int vector, boolean interrupts) {
        completionRecords.create(id, address, size, vector, interrupts ? 1 : 0);
        var made = openCompletion(id);
        list();
        return made;
    }

    private CompletionQueue openCompletion(int id) {
        var made = new CompletionQueue(id, completionRecords, memory.window(), inFlight, arrived);
        completions[id] = made;
        return made;
    }

    /** Takes the queues that the state has. */
    void open() {
        for (int id = 0; id < MOST; id++) {
            submissions[id] = null;
            completions[id] = null;
            if (completionRecords.entries(id) != 0) {
                openCompletion(id);
            }
        }
        for (int id = 0; id < MOST; id++) {
            int partner = submissionRecords.partner(id);
            var completionQueue = partner < MOST ? completions[partner] : null;
            if (submissionRecords.entries(id) != 0 && completionQueue != null) {
                openSubmission(id, completionQueue);
            }
        }
        list();
    }

    void remove(SubmissionQueue queue) {
        submissionRecords.clear(queue.id);
        submissions[queue.id] = null;
        queue.completions.users--;
        list();
    }

    void remove(CompletionQueue queue) {
        completionRecords.clear(queue.id);
        queue.close();
        completions[queue.id] = null;
        list();
    }

    void clear() {
        for (int i = 0; i < MOST; i++) {
            if (submissions[i] != null) {
                submissionRecords.clear(i);
            }
            var queue = completions[i];
            if (queue != null) {
                completionRecords.clear(i);
                queue.close();
            }
            submissions[i] = null;
            completions[i] = null;
        }
        list();
    }

    private void list() {
        int n = 0;
        int m = 0;
        for (int i = 0; i < MOST; i++) {
            n += submissions[i] == null ? 0 : 1;
            m += completions[i] == null ? 0 : 1;
        }
        var newSubmissions = new SubmissionQueue[n];
        var newCompletions = new CompletionQueue[m];
        for (int i = MOST - 1; i >= 0; i--) {
            var submission = submissions[i];
            if (submission != null) {
                newSubmissions[--n] = submission;
            }
            var completion = completions[i];
            if (completion != null) {
                newCompletions[--m] = completion;
            }
        }
        submissionList = newSubmissions;
        completionList = newCompletions;
    }

    /** Hot. How many submission queues there are. */
    int submissionCount() {
        return submissionList.length;
    }

    /** Hot. Returns one of those that there are, in the order of their identifiers. */
    SubmissionQueue submissionAt(int index) {
        return submissionList[index];
    }

    /** Returns how many commands are under way that will end by themselves. */
    int commandsUnderWay() {
        int n = 0;
        for (var queue : submissionList) {
            n += queue.underWay;
        }
        return n;
    }

    /** Hot. How many completion queues there are. */
    int completionCount() {
        return completionList.length;
    }

    /** Hot. As {@link #completionAt}; null when there are fewer by now. */
    @Nullable CompletionQueue completionAtOrNull(int index) {
        return index < completionList.length ? completionList[index] : null;
    }

    /** Hot. */
    CompletionQueue completionAt(int index) {
        return completionList[index];
    }
}
