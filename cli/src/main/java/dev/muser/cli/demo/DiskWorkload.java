package dev.muser.cli.demo;

import dev.muser.client.DmaBuffer;
import dev.muser.client.PciFunction;
import dev.muser.client.nvme.Completion;
import dev.muser.client.nvme.CompletionHandler;
import dev.muser.client.nvme.IoQueue;
import dev.muser.client.nvme.NvmeDriver;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.BiConsumer;
import org.HdrHistogram.Histogram;
import org.jspecify.annotations.Nullable;

/** Random reads and writes of a disk, all queues full, and every read verified. */
public final class DiskWorkload {
    private static final long LONGEST = 60_000_000_000L;

    /** How often somebody is told how it goes, in nanoseconds. */
    private static final long TELL = 100_000_000;

    /** Completions between two looks at the clock for that. */
    private static final int LOOK = 256;

    private static final int TURNS_PER_YIELD = 256;

    /** Without any completion for so long, commands are lost, in nanoseconds. */
    private static final long LOST = 30_000_000_000L;

    private final NvmeDriver driver;
    private final BlockPattern pattern;
    private final boolean sleeps;
    private final DmaBuffer buffer;
    private final List<Lane> lanes = new ArrayList<>();
    private final SplittableRandom random = new SplittableRandom();
    private final Histogram latencies = new Histogram(LONGEST, 2);
    private final int blocksOf4K;
    private long reads;
    private long writes;
    private long errors;
    private long nanoseconds;
    private boolean ending;
    private String complaint = "";
    private volatile @Nullable LongestCommand watcher;

    /** How much of the work is done, 0 to 1, after so many nanoseconds. */
    public interface Extent {
        double done(long nanoseconds);
    }

    /**
     * What was measured.
     *
     * @param operations in all
     * @param nanoseconds it took
     * @param latencies of each, in nanoseconds
     */
    public record Result(long operations, long nanoseconds, Histogram latencies) {
        /** Operations a second. */
        public double rate() {
            return operations * 1e9 / Math.max(1, nanoseconds);
        }

        /** MiB a second. */
        public double mebibytes() {
            return rate() * BlockPattern.BLOCK / (1 << 20);
        }

        /** In microseconds. */
        public double percentile(double percent) {
            return latencies.getValueAtPercentile(percent) / 1e3;
        }
    }

    /**
     * Work for all queues of a driver.
     *
     * @param sleeps whether the driver waits for interrupts, and does not poll
     */
    public DiskWorkload(
            PciFunction function, NvmeDriver driver, BlockPattern pattern, boolean sleeps) {
        this.driver = driver;
        this.sleeps = sleeps;
        this.pattern = pattern;
        blocksOf4K = BlockPattern.BLOCK / driver.namespaces().getFirst().blockSize();
        int slots = driver.queues().stream().mapToInt(IoQueue::depth).sum();
        buffer = function.dma().allocate((long) slots * BlockPattern.BLOCK);
        int first = 0;
        for (var queue : driver.queues()) {
            lanes.add(new Lane(queue, first));
            first += queue.depth();
        }
    }

    /** Works for so long: see {@link #run(Extent, BiConsumer)}. */
    public boolean run(Duration time, BiConsumer<Result, Double> progress) {
        return run(passed -> (double) passed / time.toNanos(), progress);
    }

    /**
     * Works until it is done, or something is wrong.
     *
     * @param progress is told now and then how it goes, and which part is over
     * @return whether all was right
     * @throws IllegalStateException when commands never come to an end
     */
    public boolean run(Extent extent, BiConsumer<Result, Double> progress) {
        long begin = System.nanoTime();
        long told = begin;
        long lastDone = begin;
        boolean anyDone = false;
        int untilLook = 0;
        int idleTurns = 0;
        lanes.forEach(Lane::fill);
        while (!ending || inFlight() > 0) {
            int done = 0;
            for (var lane : lanes) {
                done += lane.turn();
            }
            if (done > 0) {
                idleTurns = 0;
                anyDone = true;
            } else if (++idleTurns % TURNS_PER_YIELD == 0) {
                yieldCpu();
            }
            untilLook -= Math.max(done, 1);
            if (untilLook <= 0) {
                untilLook = LOOK;
                driver.serve(); // throws when the disk has gone
                long now = System.nanoTime();
                nanoseconds = now - begin;
                if (anyDone) {
                    lastDone = now;
                    anyDone = false;
                } else if (now - lastDone > LOST) {
                    throw new IllegalStateException(
                            "%d commands have not come to an end".formatted(inFlight()));
                }
                double part = extent.done(nanoseconds);
                ending |= part >= 1 || !complaint.isEmpty();
                if (now - told >= TELL && !ending) {
                    told = now;
                    progress.accept(result(), part);
                }
            }
        }
        return complaint.isEmpty();
    }

    private int inFlight() {
        int all = 0;
        for (var lane : lanes) {
            all += lane.queue.inFlight();
        }
        return all;
    }

    /** Has {@code longest} see all commands from now on, null for none. Any thread. */
    public void watch(@Nullable LongestCommand longest) {
        watcher = longest;
    }

    /** On a busy machine the disk may be waiting for this CPU. */
    @SuppressWarnings("ThreadPriorityCheck") // only speed depends on it
    private static void yieldCpu() {
        Thread.yield();
    }

    public Result result() {
        return new Result(reads + writes, nanoseconds, latencies);
    }

    /** How many reads were compared with what had been written. */
    public long reads() {
        return reads;
    }

    /** How many commands failed, or read what had not been written. */
    public long errors() {
        return errors;
    }

    /** What was wrong; empty when nothing was. */
    public String complaint() {
        return complaint;
    }

    /** Reads all blocks and compares them; returns how many. */
    public long readBack() {
        ending = true;
        var lane = lanes.getFirst();
        int next = 0;
        while (next < pattern.blocks() || lane.queue.inFlight() > 0) {
            while (next < pattern.blocks() && lane.read(next)) {
                next++;
            }
            lane.queue.kick();
            lane.queue.await(lane);
        }
        return next;
    }

    /** A queue, and what it is doing. */
    private final class Lane implements CompletionHandler {
        private static final long WRITE = 1L << 62;

        private final IoQueue queue;
        private final long[] begun;
        private final int[] free;
        private final long base;
        private int freeCount;

        Lane(IoQueue queue, int firstSlot) {
            this.queue = queue;
            base = (long) firstSlot * BlockPattern.BLOCK;
            begun = new long[queue.depth()];
            free = new int[queue.depth()];
            for (int i = 0; i < free.length; i++) {
                free[freeCount++] = i;
            }
        }

        void fill() {
            while (freeCount > 0) {
                start();
            }
            queue.kick();
        }

        /** Hot. Looks for completions, each of which begins another command. */
        int turn() {
            if (queue.inFlight() == 0) {
                return 0;
            }
            int done = sleeps ? queue.await(this) : queue.poll(this);
            if (done > 0) {
                queue.kick();
            }
            return done;
        }

        private void start() {
            int block = random.nextInt(pattern.blocks());
            while (!pattern.take(block)) {
                block = random.nextInt(pattern.blocks());
            }
            if ((reads + writes + queue.inFlight()) % 2 == 0) {
                issueRead(block);
            } else {
                int slot = free[--freeCount];
                pattern.fill(block, buffer.segment(), at(slot));
                begun[slot] = System.nanoTime();
                queue.write(lba(block), blocksOf4K, buffer, at(slot), cookie(slot, block) | WRITE);
            }
        }

        boolean read(int block) {
            if (freeCount == 0) {
                return false;
            }
            issueRead(block);
            return true;
        }

        private void issueRead(int block) {
            int slot = free[--freeCount];
            begun[slot] = System.nanoTime();
            queue.read(lba(block), blocksOf4K, buffer, at(slot), cookie(slot, block));
        }

        @Override
        public void completed(Completion completion) {
            long cookie = completion.cookie();
            int block = (int) cookie;
            int slot = (int) ((cookie & ~WRITE) >>> 32);
            boolean write = (cookie & WRITE) != 0;
            long duration = System.nanoTime() - begun[slot];
            latencies.recordValue(Math.min(LONGEST, duration));
            var longest = watcher;
            if (longest != null) {
                longest.saw(duration);
            }
            if (!completion.isSuccess()) {
                errors++;
                complaint = "block %d: %s".formatted(block, completion);
            } else if (!write && !pattern.matches(block, buffer.segment(), at(slot))) {
                errors++;
                complaint = "block %d was read, and is not what was written".formatted(block);
            }
            if (write) {
                writes++;
            } else {
                reads++;
            }
            pattern.give(block);
            free[freeCount++] = slot;
            if (!ending) {
                start();
            }
        }

        private long at(int slot) {
            return base + (long) slot * BlockPattern.BLOCK;
        }

        private static long cookie(int slot, int block) {
            return (long) slot << 32 | block;
        }

        private long lba(int block) {
            return (long) block * blocksOf4K;
        }
    }
}
