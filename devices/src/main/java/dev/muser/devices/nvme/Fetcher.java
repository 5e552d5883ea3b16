package dev.muser.devices.nvme;

import dev.muser.device.pci.DeviceState;
import dev.muser.device.pci.GuestMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * From doorbells to commands: copies the entries that a driver has submitted, once, and starts
 * them; at most a batch of a queue at a time. Owned by the loop's thread.
 */
final class Fetcher {
    /** Most entries that are fetched from one queue in a turn. */
    static final int BATCH = 32;

    private final Controller controller;
    private final Processor processor;
    private final GuestMemory memory;
    private final Doorbells doorbells;
    private final QueueTable queues;
    private final InFlight inFlight;
    private final CommandPool pool;
    private final DeviceState state;

    /** Of the entries that are being started. */
    private final int[] slots = new int[BATCH];

    private final MemorySegment entries =
            Arena.ofAuto().allocate((long) BATCH * Command.ENTRY, Command.ENTRY);

    Fetcher(
            Controller controller,
            Processor processor,
            GuestMemory memory,
            Doorbells doorbells,
            QueueTable queues,
            InFlight inFlight,
            CommandPool pool,
            DeviceState state) {
        this.controller = controller;
        this.processor = processor;
        this.memory = memory;
        this.doorbells = doorbells;
        this.queues = queues;
        this.inFlight = inFlight;
        this.pool = pool;
        this.state = state;
    }

    /** Hot. Fetches and starts up to {@code most} commands; returns how many. */
    int serve(SubmissionQueue queue, int most) {
        long tail = doorbells.tail(queue.id);
        if (tail == queue.head || processor.isSpent() || queue.closing || queue.fetching != 0) {
            return 0;
        }
        if (tail < 0 || tail >= queue.size) {
            refuseTail(queue, tail);
            return 0;
        }
        int n = Math.min(queue.available((int) tail), Math.min(most, BATCH));
        n = Math.min(n, queue.size - queue.head);
        n = (int) Math.min(n, Math.max(1, processor.affordable(queue.usualCost)));
        n = Math.min(n, Math.min(queue.completions.room(), pool.available()));
        n = Math.min(n, inFlight.available(queue.id));
        if (n <= 0) {
            return 0;
        }
        long at = (long) queue.head * Command.ENTRY;
        int error = queue.window.readNow(at, entries, 0, (long) n * Command.ENTRY);
        if (error == GuestMemory.BY_MESSAGE) {
            fetchByMessage(queue, at, n);
            return n;
        }
        if (error != 0) {
            controller.fail("submission queue %d cannot be read".formatted(queue.id));
            return 0;
        }
        start(queue, entries, n);
        return n;
    }

    private void refuseTail(SubmissionQueue queue, long tail) {
        if (tail < 0) {
            controller.fail("the doorbell buffer is gone");
        } else if (queue.refuses(tail)) {
            processor.admin().events().invalidDoorbellValue();
        }
    }

    private void fetchByMessage(SubmissionQueue queue, long at, int n) {
        var copy = Arena.ofAuto().allocate((long) n * Command.ENTRY, Command.ENTRY);
        queue.fetching = n;
        int era = controller.era();
        memory.read(
                queue.window.iova() + at,
                copy,
                errno -> {
                    if (era != controller.era() || queues.submission(queue.id) != queue) {
                        return; // the queue is no more
                    }
                    queue.fetching = 0;
                    if (errno != 0) {
                        controller.fail("submission queue %d cannot be read".formatted(queue.id));
                    } else {
                        start(queue, copy, n);
                        processor.wake();
                    }
                });
    }

    private void start(SubmissionQueue queue, MemorySegment from, int n) {
        inFlight.record(queue, from, n, slots);
        queue.advance(n);
        state.step();
        queue.underWay += n;
        queue.completions.underWay += n;
        boolean isAdmin = queue.id == 0;
        int era = controller.era();
        for (int i = 0; i < n; i++) {
            var command = pool.take();
            command.begin(queue, slots[i]);
            command.decode(from, (long) i * Command.ENTRY);
            processor.execute(command);
            if (!isAdmin) {
                queue.usualCost = Processor.cost(command.dataLength);
            } else if (era != controller.era()) {
                return; // it has ended all that was under way
            }
            processor.spend(command.dataLength);
            state.step();
        }
        if (isAdmin) {
            state.commit(); // what it has made of queues, before they are used
            state.step();
        }
    }
}
