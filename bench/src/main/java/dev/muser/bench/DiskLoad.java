package dev.muser.bench;

import dev.muser.client.DmaBuffer;
import dev.muser.client.nvme.Completion;
import dev.muser.client.nvme.CompletionHandler;
import dev.muser.client.nvme.IoQueue;
import org.HdrHistogram.Histogram;

/**
 * Commands at random places to one queue, always as many in flight. Owned by the driver's thread;
 * allocates nothing while it runs.
 */
final class DiskLoad implements CompletionHandler {
    static final long MAX_NANOS = 60_000_000_000L;

    private final IoQueue queue;
    private final DmaBuffer buffer;
    private final int blocks;
    private final int bytes;
    private final long places;
    private final int depth;
    private final int writes;

    /** Times of one command in {@code depth}: to read the clock for each would slow them down. */
    private final Histogram times = new Histogram(MAX_NANOS, 3);

    private long random;
    private long done;
    private long begun;
    private boolean timing;
    private boolean stopping;

    /**
     * @param blocks of one command
     * @param size of the disk in blocks
     * @param writes how many of 256 commands write
     */
    DiskLoad(
            IoQueue queue,
            DmaBuffer buffer,
            int blockSize,
            int blocks,
            long size,
            int depth,
            int writes) {
        this.queue = queue;
        this.buffer = buffer;
        this.blocks = blocks;
        this.depth = depth;
        this.writes = writes;
        bytes = blocks * blockSize;
        places = size / blocks;
        random = 0x9e3779b97f4a7c15L * (queue.id() + 1);
    }

    /** Puts the first commands into the queue. */
    void begin(boolean withTimes) {
        timing = withTimes;
        stopping = false;
        for (int slot = 0; slot < depth; slot++) {
            next(slot);
        }
        queue.kick();
    }

    /** Hot. Takes what is done and begins as many again. */
    void turn() {
        if (queue.poll(this) > 0) {
            queue.kick();
        }
    }

    /** Begins no more; returns when nothing is in flight. */
    void end() {
        stopping = true;
        while (queue.inFlight() > 0) {
            queue.await(this);
        }
    }

    /** Returns how many commands have completed so far. */
    long done() {
        return done;
    }

    Histogram times() {
        return times;
    }

    @Override
    public void completed(Completion completion) {
        if (!completion.isSuccess()) {
            throw new IllegalStateException("the disk says: " + completion);
        }
        done++;
        long slot = completion.cookie();
        if (timing && slot == 0) {
            times.recordValue(Math.min(MAX_NANOS, System.nanoTime() - begun));
        }
        if (!stopping) {
            next(slot);
        }
    }

    private void next(long slot) {
        long x = random;
        x ^= x << 13;
        x ^= x >>> 7;
        x ^= x << 17;
        random = x;
        long lba = Math.unsignedMultiplyHigh(x, places) * blocks;
        if (timing && slot == 0) {
            begun = System.nanoTime();
        }
        if ((x & 0xff) < writes) {
            queue.write(lba, blocks, buffer, slot * bytes, slot);
        } else {
            queue.read(lba, blocks, buffer, slot * bytes, slot);
        }
    }
}
