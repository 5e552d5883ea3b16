package dev.muser.devices.nvme;

/**
 * Which queue is served when (NVMe base 1.4, 4.13): round robin, or weighted round robin with an
 * urgent class. The admin queue comes first.
 */
final class Arbiter {
    private static final int URGENT = 0;
    private static final int HIGH = 1;
    private static final int LOW = 3;
    private static final int NO_LIMIT = 7;

    /** Bursts of urgent queues in a row before the others have their turn after all. */
    private static final int MOST_URGENT = 16;

    private final Processor processor;
    private final Fetcher fetcher;
    private final Publisher publisher;
    private boolean weighted;

    /** Most commands of a queue in its turn. */
    private int burst = Fetcher.BATCH;

    /** Bursts of a class in a round, by priority. */
    private final int[] weights = {MOST_URGENT, 1, 1, 1};

    /** Where the next burst of a class is looked for. */
    private final int[] next = {1, 1, 1, 1};

    /** Where the next round begins, so that the first queues have no advantage. */
    private int start;

    Arbiter(Processor processor, Fetcher fetcher, Publisher publisher) {
        this.processor = processor;
        this.fetcher = fetcher;
        this.publisher = publisher;
    }

    void weighted(boolean on) {
        weighted = on;
    }

    /** Takes the value of the Arbitration feature (5.21.1.1). */
    void configure(int feature) {
        int limit = feature & 7;
        burst = limit == NO_LIMIT ? Fetcher.BATCH : Math.min(1 << limit, Fetcher.BATCH);
        weights[LOW] = (feature >>> 8 & 0xff) + 1;
        weights[2] = (feature >>> 16 & 0xff) + 1;
        weights[HIGH] = (feature >>> 24 & 0xff) + 1;
    }

    void reset() {
        weighted = false;
        burst = Fetcher.BATCH;
        for (int priority = HIGH; priority <= LOW; priority++) {
            weights[priority] = 1;
        }
    }

    /** Hot. Serves all queues once; returns whether there was anything. */
    boolean round(QueueTable queues) {
        int n = queues.submissionCount();
        if (n == 0) {
            return false;
        }
        boolean any = fetcher.serve(queues.submissionAt(0), Fetcher.BATCH) > 0;
        if (weighted) {
            return weightedRound(queues) || any;
        }
        if (++start >= queues.submissionCount()) {
            start = 1;
        }
        for (int i = 1, at = start; i < queues.submissionCount(); i++, at++) {
            if (at >= queues.submissionCount()) {
                at = 1;
            }
            any |= fetcher.serve(queues.submissionAt(at), burst) > 0;
            if (processor.isSpent()) {
                start = at; // the next round begins behind it
                break;
            }
        }
        return any;
    }

    /** Urgent queues until they have nothing, then each class by its weight. */
    private boolean weightedRound(QueueTable queues) {
        boolean any = serveClass(queues, URGENT);
        for (int priority = HIGH; priority <= LOW; priority++) {
            any |= serveClass(queues, priority);
        }
        return any;
    }

    /** As many bursts as the weight of the class says, of one of its queues after the other. */
    private boolean serveClass(QueueTable queues, int priority) {
        int left = weights[priority] * burst;
        boolean any = false;
        boolean worked = true;
        while (worked && left > 0) {
            worked = false;
            int at = next[priority];
            for (int i = 1; i < queues.submissionCount() && left > 0; i++, at++) {
                at = at < queues.submissionCount() ? at : 1;
                var queue = queues.submissionAt(at);
                int most = Math.min(burst, left);
                int n = queue.priority == priority ? fetcher.serve(queue, most) : 0;
                if (n > 0) {
                    left -= n;
                    worked = true;
                    next[priority] = at + 1;
                }
            }
            if (priority == URGENT && worked) {
                publisher.publish();
            }
            any |= worked;
        }
        return any;
    }
}
