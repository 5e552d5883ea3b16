package dev.muser.devices.storage;

import dev.muser.device.EventLoop;
import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import java.util.ArrayDeque;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Another engine, no faster than its {@link StorageLimits} say. What is too much waits, reads and
 * writes in a queue each, first come first served; the disk's own queues bound how many there are.
 *
 * <p>Closing it closes the engine.
 */
public final class LimitedStorage implements Storage {
    private static final long NEVER = Long.MAX_VALUE;

    private final Storage storage;
    private final LongSupplier clock;
    private final Lane reads;
    private final Lane writes;
    private final TokenBucket operations;
    private final TokenBucket bytes;

    /** Numbers requests, to tell which of the two queues has waited longer. */
    private long arrivals;

    private EventLoop.@Nullable Timer timer;

    public LimitedStorage(Storage storage, StorageLimits limits) {
        this(storage, limits, System::nanoTime);
    }

    LimitedStorage(Storage storage, StorageLimits limits, LongSupplier clock) {
        this.storage = storage;
        this.clock = clock;
        long now = clock.getAsLong();
        reads = new Lane(limits.readOperations(), limits.readBytes(), now);
        writes = new Lane(limits.writeOperations(), limits.writeBytes(), now);
        operations = new TokenBucket(limits.operations(), now);
        bytes = new TokenBucket(limits.bytes(), now);
    }

    @Override
    public StorageInfo info() {
        return storage.info();
    }

    @Override
    public void start(EventLoop loop) {
        storage.start(loop);
        timer = loop.timer(this::expired);
    }

    @Override
    public void submit(StorageRequest request) {
        switch (request.operation()) {
            case FLUSH -> storage.submit(request);
            case READ -> submit(reads, request);
            case WRITE, DISCARD, ZERO -> submit(writes, request);
        }
    }

    private void submit(Lane lane, StorageRequest request) {
        if (lane.waiting.isEmpty()) {
            // Overtakes what waits in the other lane only when that waits for a limit of its own:
            // what the two share is kept for the one that was first.
            var other = lane == reads ? writes : reads;
            long now = clock.getAsLong();
            if ((other.waiting.isEmpty() || other.ownDelay(now) > 0)
                    && delay(lane, request, now) == 0) {
                pass(lane, request);
                return;
            }
        }
        request.tag(++arrivals);
        lane.waiting.add(request);
        if (lane.waiting.size() == 1) { // else the timer is armed for those before it
            release();
        }
    }

    private long delay(Lane lane, StorageRequest request, long now) {
        long size = size(request);
        return Math.max(
                Math.max(lane.operations.delay(1, now), lane.bytes.delay(size, now)),
                Math.max(operations.delay(1, now), bytes.delay(size, now)));
    }

    private void pass(Lane lane, StorageRequest request) {
        long size = size(request);
        lane.operations.take(1);
        lane.bytes.take(size);
        operations.take(1);
        bytes.take(size);
        request.tag(0);
        storage.submit(request);
    }

    /** Zeros may have to be written: they count as if they were. */
    private static long size(StorageRequest request) {
        return switch (request.operation()) {
            case READ, WRITE, ZERO -> request.length();
            case FLUSH, DISCARD -> 0;
        };
    }

    /** Passes what may pass by now, and has itself called again for the rest. */
    private void release() {
        long next = NEVER;
        boolean passed = true;
        while (passed) {
            long now = clock.getAsLong();
            var first = older();
            var second = first == reads ? writes : reads;
            long firstDelay = headDelay(first, now);
            next = firstDelay;
            passed = firstDelay == 0;
            if (passed) {
                pass(first, first.waiting.remove());
            } else if (!second.waiting.isEmpty() && first.ownDelay(now) > 0) {
                long secondDelay = headDelay(second, now);
                next = Math.min(firstDelay, secondDelay);
                passed = secondDelay == 0;
                if (passed) {
                    pass(second, second.waiting.remove());
                }
            }
        }
        if (next != NEVER && timer != null) {
            timer.arm(next);
        }
    }

    private long headDelay(Lane lane, long now) {
        var head = lane.waiting.peek();
        return head == null ? NEVER : delay(lane, head, now);
    }

    private Lane older() {
        var read = reads.waiting.peek();
        var write = writes.waiting.peek();
        return write == null || (read != null && read.tag() < write.tag()) ? reads : writes;
    }

    private void expired() {
        release();
        storage.kick();
    }

    @Override
    public void kick() {
        storage.kick();
    }

    @Override
    public boolean poll() {
        return storage.poll();
    }

    @Override
    public void polling(boolean on) {
        storage.polling(on);
    }

    @Override
    public void cancel() {
        if (timer != null) {
            timer.disarm();
        }
        cancel(reads);
        cancel(writes);
        storage.cancel();
        release(); // what came meanwhile
    }

    private static void cancel(Lane lane) {
        // Only those of now: a completion may bring the next request.
        for (int n = lane.waiting.size(); n > 0; n--) {
            lane.waiting.remove().complete(Errno.ECANCELED);
        }
    }

    /** What waits here has not begun, and goes on waiting. */
    @Override
    public void quiesce() {
        storage.quiesce();
    }

    @Override
    public int waiting() {
        return reads.waiting.size() + writes.waiting.size() + storage.waiting();
    }

    @Override
    public @Nullable Fd memory() {
        return storage.memory();
    }

    @Override
    public Sharing sharing() {
        return storage.sharing();
    }

    @Override
    public void handOver() {
        storage.handOver();
    }

    @Override
    public void takeOver() {
        storage.takeOver();
    }

    @Override
    public void forget() {
        storage.forget();
    }

    @Override
    public void close() {
        if (timer != null) {
            timer.close();
        }
        storage.close();
    }

    /** Reads, or writes: their limits, and those that wait. */
    private static final class Lane {
        private final TokenBucket operations;
        private final TokenBucket bytes;
        private final ArrayDeque<StorageRequest> waiting = new ArrayDeque<>();

        Lane(RateLimit operations, RateLimit bytes, long now) {
            this.operations = new TokenBucket(operations, now);
            this.bytes = new TokenBucket(bytes, now);
        }

        /** Returns how long its first request waits for limits of this lane alone. */
        long ownDelay(long now) {
            var head = waiting.peek();
            return head == null
                    ? 0
                    : Math.max(operations.delay(1, now), bytes.delay(size(head), now));
        }
    }
}
