package dev.muser.fuzz;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What a driver knows of its queues, and holds the controller to: no completion of a command that
 * is not under way (so never two for one), entries in order, each with the phase that says that it
 * is new (NVMe base 1.4, 4.6).
 */
final class NvmeQueues {
    /** The admin queues, and four pairs. */
    static final int COUNT = 5;

    static final int ENTRIES = 16;
    static final int COMMAND = 64;
    static final int COMPLETION = 16;

    /** Where the queues are, a page each: nothing that the fuzzer makes up is there. */
    static final long BEGIN = 0x28_0000;

    private static final long SUBMISSION = BEGIN;
    private static final long COMPLETIONS = BEGIN + 0x1000L * COUNT;

    static final long END = COMPLETIONS + 0x1000L * COUNT;

    private final int[] next = new int[COUNT];
    private final int[] tails = new int[COUNT];

    /** By submission queue: how often each command identifier is under way. */
    private final List<Map<Integer, Integer>> underWay =
            Stream.<Map<Integer, Integer>>generate(HashMap::new).limit(COUNT).toList();

    /** By identifier of an admin command: the pair whose queue it makes. */
    private final Map<Integer, Integer> makesCompletions = new HashMap<>();

    private final Map<Integer, Integer> makesSubmissions = new HashMap<>();

    /** Where the queues are if the driver shares them, from {@link #BEGIN} to {@link #END}. */
    private @Nullable MemorySegment shared;

    private byte @Nullable [] before;
    private boolean known;
    private int lastStatus;
    private int lastCommand = -1;

    static long submissions(int queue) {
        return SUBMISSION + 0x1000L * queue;
    }

    static long completions(int queue) {
        return COMPLETIONS + 0x1000L * queue;
    }

    /** Returns the submission queue at that address, or -1. */
    static int submissionQueueAt(long iova) {
        return queueAt(iova, SUBMISSION, COMMAND);
    }

    private static int queueAt(long iova, long base, int entry) {
        long page = (iova - base) >> 12;
        return page >= 0 && page < COUNT && (iova & 0xfff) < (long) ENTRIES * entry
                ? (int) page
                : -1;
    }

    /** Makes an address one that is not a queue's. */
    static long elsewhere(long address) {
        return address >= BEGIN && address < END ? address + END : address;
    }

    /** From now on the queues are there; null: the controller has to ask. */
    void share(@Nullable MemorySegment memory) {
        known = false;
        shared = memory;
    }

    boolean isShared() {
        return shared != null;
    }

    /** Returns an entry of a submission queue that is shared. */
    MemorySegment submission(int queue, int slot) {
        return at(submissions(queue) + (long) COMMAND * slot, COMMAND);
    }

    private MemorySegment at(long iova, int length) {
        return Objects.requireNonNull(shared).asSlice(iova - BEGIN, length);
    }

    /** The controller is enabled, with the admin queues where they belong. */
    void enabled() {
        known = true;
        makesCompletions.clear();
        makesSubmissions.clear();
        for (int i = 0; i < COUNT; i++) {
            forgetCompletions(i);
            forgetSubmissions(i);
        }
    }

    /** The driver has done something to the registers: who knows what the controller does now. */
    void lost() {
        known = false;
    }

    /** The controller is not ready: what is shared stays as it is now. */
    void ended() {
        before = shared == null ? null : shared.toArray(ValueLayout.JAVA_BYTE);
    }

    boolean isUnchanged() {
        var memory = shared;
        return before == null
                || memory == null
                || memory.mismatch(MemorySegment.ofArray(before)) < 0;
    }

    boolean isKnown() {
        return known;
    }

    private void forgetCompletions(int queue) {
        next[queue] = 0;
        if (shared != null) {
            at(completions(queue), 0x1000).fill((byte) 0); // no entry has the phase of a new one
        }
    }

    private void forgetSubmissions(int queue) {
        tails[queue] = 0;
        underWay.get(queue).clear();
    }

    /** Moves a tail on and returns it. */
    int ring(int queue, int entries) {
        tails[queue] = (tails[queue] + entries) % ENTRIES;
        return tails[queue];
    }

    /** Returns how many more commands it may put into a queue, so that none is overwritten. */
    int room(int queue) {
        int taken = underWay.get(queue).values().stream().mapToInt(Integer::intValue).sum();
        return Math.max(0, ENTRIES - 1 - taken);
    }

    int tail(int queue) {
        return tails[queue];
    }

    /** Looks for new entries in completion queues that are shared. */
    void poll() {
        for (int queue = 0; queue < COUNT; queue++) {
            while (shared != null && known && hasNew(queue)) {
                long iova = nextCompletion(queue);
                var entry = new byte[COMPLETION];
                written(iova, MemorySegment.ofArray(entry).copyFrom(at(iova, COMPLETION)));
            }
        }
    }

    private boolean hasNew(int queue) {
        var entry = at(nextCompletion(queue), COMPLETION);
        int status = entry.get(ValueLayout.JAVA_INT_UNALIGNED, 12);
        return (status >>> 16 & 1) == newPhase(queue);
    }

    private long nextCompletion(int queue) {
        return completions(queue) + (long) COMPLETION * (next[queue] % ENTRIES);
    }

    private int newPhase(int queue) {
        return next[queue] / ENTRIES % 2 == 0 ? 1 : 0;
    }

    /** Returns where the driver would put the head of a completion queue that it has read. */
    int head(int queue) {
        return next[queue] % ENTRIES;
    }

    void makes(int queue, boolean completions, int command) {
        (completions ? makesCompletions : makesSubmissions).put(command, queue);
    }

    /** The controller has fetched entries of a submission queue. */
    void fetched(int queue, MemorySegment entries) {
        for (long at = 0; at + COMMAND <= entries.byteSize(); at += COMMAND) {
            int id = entries.get(ValueLayout.JAVA_INT_UNALIGNED, at) >>> 16;
            underWay.get(queue).merge(id, 1, Integer::sum);
        }
    }

    /** The controller has written to memory. */
    void written(long iova, MemorySegment bytes) {
        int queue = queueAt(iova, COMPLETIONS, COMPLETION);
        if (queue < 0 || !known) {
            return;
        }
        Finding.unless(
                bytes.byteSize() == COMPLETION && iova % COMPLETION == 0,
                "%d bytes at 0x%x of a completion queue".formatted(bytes.byteSize(), iova));
        int slot = (int) (iova & 0xfff) / COMPLETION;
        Finding.unless(
                slot == next[queue] % ENTRIES,
                "completion queue %d: entry %d, and %d is next"
                        .formatted(queue, slot, next[queue] % ENTRIES));
        int status = bytes.get(ValueLayout.JAVA_INT_UNALIGNED, 12);
        Finding.unless(
                (status >>> 16 & 1) == newPhase(queue),
                "completion queue %d: entry %d has the old phase".formatted(queue, slot));
        next[queue]++;
        completed(
                bytes.get(ValueLayout.JAVA_INT_UNALIGNED, 8) >>> 16,
                status & 0xffff,
                status >>> 17);
    }

    private void completed(int queue, int command, int status) {
        Finding.unless(queue < COUNT, "a completion of submission queue " + queue);
        int left = underWay.get(queue).getOrDefault(command, 0);
        Finding.unless(
                left > 0,
                "command 0x%x of queue %d is completed, and not under way"
                        .formatted(command, queue));
        underWay.get(queue).put(command, left - 1);
        lastCommand = command;
        lastStatus = status;
        if (queue == 0) {
            made(makesCompletions.remove(command), status, true);
            made(makesSubmissions.remove(command), status, false);
        }
    }

    private void made(@Nullable Integer queue, int status, boolean isCompletions) {
        if (queue != null && (status & 0x7ff) == 0) {
            if (isCompletions) {
                forgetCompletions(queue);
            } else {
                forgetSubmissions(queue);
            }
        }
    }

    /** Whether that command was the last to be completed, and succeeded. */
    boolean hasSucceeded(int command) {
        return lastCommand == command && (lastStatus & 0x7ff) == 0;
    }
}
