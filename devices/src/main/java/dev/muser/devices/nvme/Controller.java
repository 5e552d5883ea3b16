package dev.muser.devices.nvme;

import dev.muser.device.ClientKind;
import dev.muser.device.EventLoop;
import dev.muser.device.pci.Bar;
import dev.muser.device.pci.DeviceState;
import dev.muser.device.pci.GuestMemory;
import dev.muser.device.pci.Interrupt;
import dev.muser.device.pci.StateField;
import dev.muser.device.pci.Width;
import dev.muser.devices.storage.StorageException;
import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.List;

/**
 * A controller's life: enabled, disabled, shut down, reset, failed (NVMe base 1.4, 3.1.5, 3.1.6 and
 * 7.3). What it does meanwhile is the {@link Processor}'s.
 *
 * <p>Owned by the loop's thread.
 */
final class Controller implements Registers.Effects {
    /** Of a queue, at most (CAP.MQES). */
    static final int MOST_ENTRIES = 4096;

    private static final System.Logger LOG = System.getLogger(Controller.class.getName());

    private static final int PAGE = 4096;
    private static final long MOST_PAGE_SHIFT = 4;

    // what the controller is about to become
    private static final int DISABLING = 1;
    private static final int ENABLING = 2;

    /** Between two lines in the log about failures, in nanoseconds. */
    private static final long LOG_PAUSE = 1_000_000_000;

    private final Registers registers;
    private final Doorbells doorbells;
    private final Doorbell doorbell;
    private final Namespaces namespaces;
    private final CompletionSignals signals;
    private final Processor processor;
    private final Shutdown shutdown;
    private final NvmeOptions options;
    private final EventLoop loop;
    private final Custody custody;
    private final Quiescence quiescence;
    private final NamespaceChanges namespaceChanges;

    /** CC as it was when the controller became ready; 0 when it is not. */
    private final StateField enabledConfiguration;

    private final StateField transition;

    /** Whether what drivers have left in the doorbells is to go. */
    private final StateField wiping;

    /** Whether it was disabled, and commands are still away. */
    private boolean disabling;

    /** Whether it was enabled while something of the life before was left. */
    private boolean enabling;

    /** Whether the state has its values. */
    private boolean open;

    private boolean closed;

    private long lastFailure = System.nanoTime() - LOG_PAUSE;

    private final Runnable wipe = this::wipeDoorbells;

    /** Changes with each reset: what began before is not about this life. */
    private int era;

    private long pageSize = PAGE;

    Controller(
            EventLoop loop,
            DeviceState state,
            GuestMemory memory,
            Bar bar,
            Interrupt[] vectors,
            NvmeOptions options) {
        enabledConfiguration = state.field("nvme.enabled_cc", Width.U32);
        transition = state.field("nvme.transition", Width.U8);
        wiping = state.field("nvme.doorbells.wiping", Width.U8);
        this.options = options;
        this.loop = loop;
        doorbell = options.doorbell();
        registers = new Registers(bar, this);
        var page =
                bar.backed(PAGE, PAGE)
                        .mappable()
                        .mappableFor(doorbell::mappableFor)
                        .keepOnReset() // a reset may be undone; it wipes the page later
                        .onWrite((offset, count) -> rung(offset));
        doorbells = new Doorbells(state, page, memory);
        namespaces = new Namespaces(loop, state);
        custody = new Custody(state, namespaces);
        signals = new CompletionSignals(state, vectors, this::queues, loop, this::wake);
        processor =
                new Processor(this, loop, memory, doorbells, namespaces, signals, state, options);
        shutdown = new Shutdown(state, this, registers, namespaces);
        quiescence = new Quiescence(processor, namespaces, custody);
        namespaceChanges = new NamespaceChanges(processor, namespaces, custody);
    }

    /** Opens the namespaces; called when the device has been declared. */
    void start() {
        try {
            options.namespaces().forEach(namespaces::give);
        } catch (StorageException e) {
            namespaces.close();
            throw e;
        }
    }

    /** The state is new. */
    void powerOn() {
        processor.admin().powerOn();
        namespaces.create();
        custody.powerOn(options.incoming());
        open();
    }

    /** The state is what a process before this one has left. */
    void restored() {
        List<Integer> gone = new ArrayList<>();
        namespaces.open(gone::add);
        custody.restored();
        open();
        if (wiping.get() != 0) {
            loop.execute(wipe);
        }
        gone.forEach(processor.admin()::namespaceChanged);
        processor.restored();
    }

    private void open() {
        long configuration = enabledConfiguration.get();
        pageSize((long) PAGE << (configuration >>> 7 & 0xf));
        processor.arbiter().weighted(isWeighted(configuration));
        disabling = transition.get() == DISABLING;
        enabling = transition.get() == ENABLING;
        open = true;
        processor.open();
    }

    /** All that a process before this one had begun has begun again. */
    void restarted() {
        shutdown.open();
    }

    Custody custody() {
        return custody;
    }

    Quiescence quiescence() {
        return quiescence;
    }

    NamespaceChanges namespaceChanges() {
        return namespaceChanges;
    }

    private QueueTable queues() {
        return processor.queues();
    }

    Namespaces namespaces() {
        return namespaces;
    }

    Processor processor() {
        return processor;
    }

    Doorbells doorbells() {
        return doorbells;
    }

    CompletionSignals signals() {
        return signals;
    }

    Registers registers() {
        return registers;
    }

    int vectorCount() {
        return signals.isLine() ? 1 : signals.vectorCount();
    }

    /** Returns the size of a memory page in bytes, as the driver has chosen it. */
    long pageSize() {
        return pageSize;
    }

    int era() {
        return era;
    }

    void wake() {
        processor.wake();
    }

    /** A client's session begins. */
    void attached(ClientKind kind) {
        processor.attention().mapped(doorbell.mappableFor(kind));
    }

    /** A doorbell was written by message. */
    private void rung(long offset) {
        int queue = (int) (offset / Doorbells.STRIDE);
        boolean exists;
        if (offset % Doorbells.STRIDE == 0) {
            exists = queues().submission(queue) != null;
        } else {
            var completions = queues().completion(queue);
            exists = completions != null;
            if (completions != null) {
                // where there is a line, the driver's interrupt controller may look at it next
                processor.publisher().observe(completions);
            }
        }
        if (!exists && registers.isReady()) {
            processor.admin().events().invalidDoorbell();
        }
        processor.wake();
    }

    // ---- registers ----

    @Override
    public void configured(long before, long now) {
        boolean was = (before & 1) != 0;
        boolean is = (now & 1) != 0;
        if (!was && is) {
            enableWhenClear();
        } else if (was && !is) {
            disable();
        }
        int wanted = (int) (now >>> 14 & 3);
        if (wanted != 0 && wanted != (before >>> 14 & 3)) {
            shutdown.begin();
        }
    }

    @Override
    public void resetSubsystem() {
        registers.clearConfiguration();
        disable();
        registers.setSubsystemReset();
    }

    @Override
    public long mask() {
        return Integer.toUnsignedLong(signals.masked());
    }

    @Override
    public void mask(int vectors) {
        signals.mask(vectors);
    }

    @Override
    public void unmask(int vectors) {
        signals.unmask(vectors);
    }

    /** What is left of the life before must not mix with what comes: ready when it has gone. */
    private void enableWhenClear() {
        transition(disabling, !disabling && !processor.isClear());
        if (!disabling && !enabling) {
            enable();
        }
    }

    private void enable() {
        long configuration = registers.configuration();
        long commandSet = configuration >>> 4 & 7;
        long pageShift = configuration >>> 7 & 0xf;
        long arbitration = configuration >>> 11 & 7;
        int submissions = registers.adminSubmissionSize();
        int completions = registers.adminCompletionSize();
        if (commandSet != 0
                || pageShift > MOST_PAGE_SHIFT
                || arbitration > 1
                || submissions < 2
                || completions < 2) {
            fail(
                    "it was enabled with CC 0x%x and AQA of %d and %d entries"
                            .formatted(configuration, submissions, completions));
            return;
        }
        var refusal = custody.refusal();
        if (refusal != null) {
            fail("it was enabled, and has no disk: " + refusal);
            return;
        }
        enabledConfiguration.set(configuration);
        pageSize((long) PAGE << pageShift);
        processor.arbiter().weighted(isWeighted(configuration));
        var queue =
                queues().addCompletion(0, registers.adminCompletionQueue(), completions, 0, true);
        signals.created(queue);
        queues().addSubmission(0, registers.adminSubmissionQueue(), submissions, 0, queue);
        doorbells.clearHead(0);
        doorbells.clearTail(0);
        registers.setReady();
        processor.wake();
    }

    private static boolean isWeighted(long configuration) {
        return (configuration >>> 11 & 7) == 1;
    }

    private void pageSize(long bytes) {
        pageSize = bytes;
        processor.pageSize(bytes);
    }

    private void transition(boolean toDisabled, boolean toEnabled) {
        disabling = toDisabled;
        enabling = toEnabled;
        transition.set(toDisabled ? DISABLING : toEnabled ? ENABLING : 0);
    }

    /** Ready stays set as long as a storage may touch the driver's memory. */
    private void disable() {
        endAll();
        transition(true, false);
        namespaces.cancel();
        progressed();
    }

    private void endAll() {
        era++;
        transition(disabling, false);
        enabledConfiguration.set(0);
        shutdown.forget();
        processor.cancelAll();
        wiping.set(1);
        loop.execute(wipe);
    }

    /** What the driver has left in its doorbells; when it is for sure that the queues are gone. */
    private void wipeDoorbells() {
        if (closed || wiping.get() == 0) { // done, or about a state that was replaced
            return;
        }
        if (queues().submissionCount() == 0) {
            doorbells.wipe();
        }
        wiping.set(0);
    }

    private void disabled() {
        transition(false, false);
        registers.clearStatus();
        shutdown.show();
        if ((registers.configuration() & 1) != 0) {
            enable();
        }
    }

    /** Hot. Something is over. */
    void progressed() {
        if (disabling && processor.isClear()) {
            disabled();
        } else if (enabling && processor.isClear()) {
            transition(false, false);
            enable();
        }
        shutdown.progressed();
        processor.drain().progressed();
    }

    /** The controller cannot go on: fatal status, until it is reset (9.5). */
    void fail(String why) {
        if (!registers.isFatal()) {
            long now = System.nanoTime();
            if (now - lastFailure > LOG_PAUSE) { // a guest can fail as often as it likes
                lastFailure = now;
                LOG.log(Level.WARNING, "nvme {0}: fatal status: {1}", options.serial(), why);
            }
            registers.setFatal();
            endAll();
        }
    }

    /** The function is reset, or its client is gone. Registers have been reset. */
    void reset() {
        if (queues().submissionCount() != 0 && !shutdown.isComplete()) {
            processor.admin().smart().unsafeShutdown();
        }
        endAll();
        namespaces.cancel();
        namespaces.quiesce();
        transition(false, false);
        pageSize(PAGE);
    }

    /** Client memory goes. */
    void unmapping(long iova, long size) {
        if (processor.uses(iova, size)) {
            namespaces.quiesce();
        }
    }

    void close() {
        closed = true;
        if (open) {
            endAll();
        }
        namespaces.cancel();
        namespaces.quiesce();
        processor.attention().close();
        processor.admin().close();
        namespaces.close();
    }
}
