package dev.muser.devices.nvme;

import org.jspecify.annotations.Nullable;

/** The queues of a controller: by identifier, and those that there are. */
final class QueueTable {
    private static final int MOST = NvmeOptions.MOST_QUEUES + 1;

    private final @Nullable SubmissionQueue[] submissions = new @Nullable SubmissionQueue[MOST];
    private final @Nullable CompletionQueue[] completions = new @Nullable CompletionQueue[MOST];
    private SubmissionQueue[] submissionList = new SubmissionQueue[0];
    private CompletionQueue[] completionList = new CompletionQueue[0];

    /** Returns the submission queue of an identifier, 0 to 65535, or null. */
    @Nullable SubmissionQueue submission(int id) {
        return id < MOST ? submissions[id] : null;
    }

    /** Returns the completion queue of an identifier, 0 to 65535, or null. */
    @Nullable CompletionQueue completion(int id) {
        return id < MOST ? completions[id] : null;
    }

    void add(SubmissionQueue queue) {
        submissions[queue.id] = queue;
        queue.completions.users++;
        list();
    }

    void add(CompletionQueue queue) {
        completions[queue.id] = queue;
        list();
    }

    void remove(SubmissionQueue queue) {
        submissions[queue.id] = null;
        queue.completions.users--;
        list();
    }

    void remove(CompletionQueue queue) {
        completions[queue.id] = null;
        list();
    }

    void clear() {
        for (int i = 0; i < MOST; i++) {
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
