package dev.muser.devices.nvme;

import dev.muser.device.EventLoop;
import dev.muser.device.pci.DeviceState;
import dev.muser.device.pci.GuestMemory;

/**
 * The hot path of a controller: its turns, and what becomes of commands in them.
 *
 * <p>A turn fetches at most a batch of each queue, so that queues share fairly, starts what it has
 * fetched, and then writes all completions that are due. Owned by the loop's thread.
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

    private final Controller controller;
    private final EventLoop loop;
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
    private final Fetcher fetcher;
    private final Publisher publisher;
    private final Arbiter arbiter;
    private final Postponed postponed = new Postponed();

    /** The controller is to stand still: nothing new begins. */
    private boolean quiescing;

    /** Commands that storages or the client have. */
    private int away;

    /** Bytes that may still be moved in this turn. */
    private long budget;

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
        this.doorbells = doorbells;
        this.namespaces = namespaces;
        this.signals = signals;
        this.state = state;
        inFlight = new InFlight(state);
        queues = new QueueTable(state, memory, inFlight, this::arrived);
        pool = new CommandPool(this, memory);
        drain = new Drain(pool);
        fetcher = new Fetcher(controller, this, memory, doorbells, queues, inFlight, pool, state);
        publisher = new Publisher(controller, this, memory, doorbells, queues, signals, state);
        arbiter = new Arbiter(this, fetcher, publisher);
        nvm = new NvmCommands(this, namespaces, memory, buffers);
        restart = new Restart(this, queues, inFlight, pool, nvm, state);
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
            publisher.observe(queues.completionAt(i));
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

    Publisher publisher() {
        return publisher;
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
        worked |= publisher.publish();
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

    /** Whether the controller is to stand still, or does. */
    boolean isQuiescing() {
        return quiescing;
    }

    /** Hot. Whether this turn has done enough. */
    boolean isSpent() {
        return budget <= 0;
    }

    /** Hot. Counts work that this turn has done, in bytes. */
    void spend(long bytes) {
        budget -= cost(bytes);
    }

    /** Hot. Returns how many commands of such a cost this turn may still begin. */
    long affordable(long cost) {
        return budget / cost;
    }

    /** Hot. Returns what a command costs that moves so many bytes. */
    static long cost(long bytes) {
        return Math.max(bytes, LEAST_COST);
    }

    /** Hot. Begins what a command asks for. */
    void execute(Command c) {
        if (c.queue().id == 0) {
            admin.execute(c);
        } else {
            nvm.execute(c);
        }
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

    /** Whether anything of the driver's is left: commands, completions on their way by message. */
    boolean isClear() {
        return publisher.haveArrived() && pool.inUse() == 0;
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
        publisher.leave();
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
