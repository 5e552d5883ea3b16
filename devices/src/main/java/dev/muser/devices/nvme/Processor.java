package dev.muser.devices.nvme;

import dev.muser.device.EventLoop;
import dev.muser.device.pci.DeviceState;
import dev.muser.device.pci.GuestMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * The hot path of a controller: from doorbells to commands, from commands to completions.
 *
 * <p>A turn fetches at most a batch of each queue, so that queues share fairly, copies its entries
 * once, starts them, and then writes all completions that are due. Owned by the loop's thread.
 */
final class Processor {
    /** Most data bytes of one command: 1 MiB. As a power of two of 4 KiB pages: MDTS. */
    static final int MDTS = 8;

    static final int MOST_DATA = 4096 << MDTS;

    /**
     * As many bytes are moved in a turn of the loop, within one command, before others on the loop
     * have their turn; a command without data counts as a page.
     */
    static final long TURN_BYTES = 1 << 20;

    private static final long LEAST_COST = 4096;

    /** Most entries that are fetched from one queue in a turn. */
    static final int BATCH = 32;

    private final Controller controller;
    private final EventLoop loop;
    private final GuestMemory memory;
    private final Doorbells doorbells;
    private final Namespaces namespaces;
    private final DeviceState state;
    private final QueueTable queues;
    private final InFlight inFlight;
    private final Restart restart;
    private final CommandPool pool;
    private final BufferPool buffers = new BufferPool(MOST_DATA, 64);
    private final NvmCommands nvm;
    private final AdminCommands admin;
    private final CompletionSignals signals;
    private final Attention attention;
    private final Drain drain;
    private final Arbiter arbiter = new Arbiter(this);
    private final Postponed postponed = new Postponed();

    /** Queues that are no more, with completions on their way by message. */
    private final List<CompletionQueue> leaving = new ArrayList<>();

    /** The controller is to stand still: nothing new begins. */
    private boolean quiescing;

    /** Commands that storages or the client have. */
    private int away;

    /** Bytes that may still be moved in this turn. */
    private long budget;

    /** Of the entries that are being started. */
    private final int[] slots = new int[BATCH];

    private final MemorySegment entries =
            Arena.ofAuto().allocate((long) BATCH * Command.ENTRY, Command.ENTRY);

    Processor(
            Controller controller,
            EventLoop loop,
            GuestMemory memory,
            Doorbells doorbells,
            Namespaces namespaces,
            CompletionSignals signals,
            DeviceState state,
            NvmeOptions options) {
        this.controller = controller;
        this.loop = loop;
        this.memory = memory;
        this.doorbells = doorbells;
        this.namespaces = namespaces;
        this.signals = signals;
        this.state = state;
        inFlight = new InFlight(state);
        queues = new QueueTable(state, memory, inFlight, this::arrived);
        restart = new Restart(this, queues, inFlight);
        pool = new CommandPool(this, memory);
        drain = new Drain(pool);
        nvm = new NvmCommands(this, namespaces, memory, buffers);
        admin = new AdminCommands(controller, this, queues, namespaces, memory, state, options);
        attention =
                new Attention(this, loop, doorbells, queues, namespaces, signals, state, options);
    }

    /** The state has its values, and the loop its other objects. */
    void open() {
        inFlight.open();
        queues.open();
        doorbells.open();
        admin.open();
        signals.open();
        restart.open();
    }

    /** Begins where a process before this one has stopped. */
    void restored() {
        for (int i = 0; i < queues.completionCount(); i++) {
            observe(queues.completionAt(i));
        }
        signals.tellAll();
        wake();
    }

    /** All that a process before this one had begun has begun again. */
    void restarted() {
        controller.restarted();
    }

    InFlight inFlight() {
        return inFlight;
    }

    EventLoop loop() {
        return loop;
    }

    QueueTable queues() {
        return queues;
    }

    AdminCommands admin() {
        return admin;
    }

    Arbiter arbiter() {
        return arbiter;
    }

    Attention attention() {
        return attention;
    }

    Drain drain() {
        return drain;
    }

    /** Says whether a write may be lost after its completion, until a flush. */
    void writeCache(boolean on) {
        nvm.writeCache(on);
    }

    /** Sets the size of a memory page in bytes, as the driver has chosen it. */
    void pageSize(long bytes) {
        nvm.pageSize(bytes);
        admin.pageSize(bytes);
    }

    /** Hot. There is, or may be, something to do. */
    void wake() {
        attention.wake();
    }

    /** Hot. One turn; returns whether there was anything to do. */
    boolean turn() {
        budget = TURN_BYTES;
        boolean worked = namespaces.poll();
        worked |= !quiescing && postponed.run();
        state.commit(); // queues must be there for good before anything is fetched from them
        worked |= !quiescing && (restart.isOver() ? arbiter.round(queues) : restart.run());
        worked |= namespaces.kick();
        worked |= publish();
        namespaces.noteCounters();
        controller.progressed();
        return worked;
    }

    /** Begins nothing new from now on; what is with storages comes back. */
    void quiesce() {
        quiescing = true;
        wake();
    }

    void resume() {
        quiescing = false;
        wake();
    }

    /** Hot. Whether this turn has done enough. */
    boolean isSpent() {
        return budget <= 0;
    }

    /** Hot. Counts work that this turn has done, in bytes. */
    void spend(long bytes) {
        budget -= Math.max(bytes, LEAST_COST);
    }

    /**
     * Goes on with a command of several steps: now, or in the next turn if this has done enough.
     */
    void step(Command c, Continuation then) {
        if (isSpent() || quiescing) {
            postponed.add(c, then);
            wake();
        } else {
            then.run(c, 0);
        }
    }

    /** Hot. Fetches and starts up to {@code most} commands; returns how many. */
    int serve(SubmissionQueue queue, int most) {
        long tail = doorbells.tail(queue.id);
        if (tail == queue.head || isSpent() || queue.closing || queue.fetching != 0) {
            return 0;
        }
        if (tail < 0 || tail >= queue.size) {
            refuseTail(queue, tail);
            return 0;
        }
        int n = Math.min(queue.available((int) tail), Math.min(most, BATCH));
        n = Math.min(n, queue.size - queue.head);
        n = (int) Math.min(n, Math.max(1, budget / queue.usualCost));
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
            admin.events().invalidDoorbellValue();
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
                        wake();
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
            if (isAdmin) {
                admin.execute(command);
                if (era != controller.era()) {
                    return; // it has ended all that was under way
                }
            } else {
                nvm.execute(command);
                queue.usualCost = Math.max(command.dataLength, LEAST_COST);
            }
            spend(command.dataLength);
            state.step();
        }
        if (isAdmin) {
            state.commit(); // what it has made of queues, before they are used
            state.step();
        }
    }

    /**
     * Begins a command again that was in flight.
     *
     * @param withoutFirst whether it is the second half of an operation whose first half has failed
     */
    void begin(int slot, boolean withoutFirst) {
        var command = take(slot);
        if (withoutFirst) {
            finish(command, Status.FAILED_FUSED);
        } else if (command.queue().id == 0) {
            admin.execute(command);
        } else {
            nvm.execute(command);
        }
        spend(command.dataLength);
        state.step();
    }

    /**
     * Goes on with a fused operation whose blocks have been compared.
     *
     * @param second where the write is; it may be done already
     */
    void beginCompared(int first, int second) {
        var compared = take(first);
        if (second < 0 || inFlight.isDone(second)) {
            finish(compared, Status.SUCCESS);
        } else {
            var write = take(second);
            nvm.goOnWithSecond(compared, write);
            spend(write.dataLength);
        }
        state.step();
    }

    private Command take(int slot) {
        var command = pool.take();
        command.begin(
                Objects.requireNonNull(queues.submission(inFlight.submissionQueue(slot))), slot);
        command.decode(inFlight.entries(), InFlight.at(slot));
        return command;
    }

    /** Hot. A command is done: its completion is due, and it can be used for another. */
    void finish(Command c, int status) {
        var queue = c.queue();
        if (status != 0) {
            admin.errors().record(c, status);
        }
        long outcome = InFlight.outcome(c.result, status);
        if (queue.id == 0 || status != 0) { // it has changed something: the error log, too
            inFlight.doneWithChanges(c.slot, outcome);
            state.step();
        }
        queue.underWay--;
        var completions = queue.completions;
        completions.underWay--;
        completions.add(c.slot, outcome, queue.head, queue.id, c.cid);
        BufferPool.giveBack(c);
        pool.give(c);
        if (queue.closing && queue.underWay == 0) {
            drained(queue);
        }
    }

    /** A queue that is being deleted has nothing under way any more. */
    void drained(SubmissionQueue queue) {
        var deletion = queue.deletion;
        if (deletion != null) {
            queue.deletion = null;
            queue.completions.noteOutcomes();
            queues.remove(queue);
            finish(deletion, Status.SUCCESS);
        }
    }

    /** Notes what has become of commands so far: what follows depends on it. */
    void noteOutcomes() {
        for (int i = 0; i < queues.completionCount(); i++) {
            var queue = queues.completionAt(i);
            if (queue.id != 0) {
                queue.noteOutcomes();
            }
        }
    }

    /** A command waits for an event, maybe for ever: it is not under way meanwhile. */
    void park(Command c) {
        c.queue().underWay--;
        c.queue().completions.underWay--;
    }

    /** Finishes a command that was parked. */
    void finishParked(Command c, int status) {
        c.queue().underWay++;
        c.queue().completions.underWay++;
        finish(c, status);
        wake();
    }

    /** Hot. A cancelled command has come back. */
    void release(Command c) {
        BufferPool.giveBack(c);
        pool.give(c);
        controller.progressed();
    }

    /** Hot. Writes what is due, and tells drivers. */
    boolean publish() {
        boolean any = false;
        for (int i = 0; i < queues.completionCount(); i++) {
            var queue = queues.completionAt(i);
            if (queue.hasDue()) {
                observe(queue);
                if (queues.completionAtOrNull(i) != queue) {
                    return true; // it has failed
                }
                state.commit(); // what these commands have changed
                state.step();
                int n = queue.publish(memory);
                if (n < 0 || queue.hasFailed()) {
                    controller.fail("completion queue %d cannot be written".formatted(queue.id));
                    return true;
                }
                any |= n > 0;
            } else if (queue.interrupts && (queue.told || signals.isLine())) {
                observe(queue);
            }
            signals.tell(queue);
        }
        return any;
    }

    /** Hot. Sees how far the driver has got. */
    void observe(CompletionQueue queue) {
        long head = doorbells.head(queue.id);
        if (head == queue.head()) {
            return;
        }
        if (head >= 0 && queue.accepts((int) Math.min(head, Integer.MAX_VALUE))) {
            queue.head((int) head);
            state.step();
            signals.moved(queue);
        } else if (head < 0) {
            controller.fail("the doorbell buffer is gone");
        } else if (queue.refuses(head)) {
            admin.events().invalidDoorbellValue();
        }
    }

    /** Whether anything of the driver's is left: commands, completions on their way by message. */
    boolean isClear() {
        leaving.removeIf(CompletionQueue::haveArrived);
        return pool.inUse() == 0 && leaving.isEmpty();
    }

    /** A completion that went by message has arrived. */
    void arrived() {
        controller.progressed();
        wake();
    }

    /** Hot. A command has gone to a storage, or to the client. */
    void left() {
        away++;
    }

    /** Hot. A command has come back. */
    void returned() {
        away--;
    }

    /** Whether a storage engine may touch such memory of the driver. */
    boolean uses(long iova, long size) {
        return away != 0 && pool.uses(iova, size);
    }

    /** Ends everything for the driver; what storages have comes back later and is dropped. */
    void cancelAll() {
        for (var namespace : namespaces.all()) {
            namespace.forget();
        }
        buffers.clear();
        postponed.clear();
        restart.clear();
        admin.reset();
        pool.cancelAll();
        inFlight.clear();
        for (int i = 0; i < queues.completionCount(); i++) {
            var queue = queues.completionAt(i);
            if (!queue.haveArrived()) {
                leaving.add(queue);
            }
        }
        queues.clear();
        doorbells.reset();
        signals.reset();
        arbiter.reset();
    }

    /** Ends first halves of fused operations whose second will not come. */
    void finishLoneHalves() {
        for (int i = 0; i < queues.submissionCount(); i++) {
            var queue = queues.submissionAt(i);
            var half = queue.fused;
            queue.fused = null;
            if (half != null) {
                finish(half, Status.MISSING_FUSED);
            }
        }
    }
}
