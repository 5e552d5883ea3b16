package dev.muser.client.nvme;

import dev.muser.client.DisconnectedException;
import dev.muser.client.DmaMemory;
import dev.muser.client.Interrupt;
import dev.muser.client.PciFunction;
import dev.muser.client.RemoteDevice;
import dev.muser.device.Irq;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Drives an NVMe controller.
 *
 * <pre>{@code
 * try (var device = RemoteDevice.connect(Path.of("/run/disk.sock"));
 *         var function = new PciFunction(device);
 *         var driver = NvmeDriver.open(function, NvmeDriverOptions.DEFAULTS)) {
 *     var buffer = function.dma().allocate(4096);
 *     driver.sync(driver.namespaces().getFirst()).read(0, 8, buffer, 0);
 * }
 * }</pre>
 *
 * <p>Belongs to the driver's thread. Close it before its {@link PciFunction}: closing shuts the
 * controller down in order. To leave without a word, as a crash would, close the function alone.
 */
public final class NvmeDriver implements AutoCloseable {
    /** Mass storage, non-volatile memory, NVM Express. */
    private static final int CLASS_CODE = 0x010802;

    private static final int PAGE = 4096;

    /** CAP.TO is a promise of disks; on a busy machine even an honest device is late. */
    private static final long MIN_READY_MILLIS = 2_000;

    private final PciFunction function;
    private final NvmeDriverOptions options;
    private final ControllerRegisters registers;
    private final Doorbells doorbells;
    private final List<Interrupt> vectors;
    private final AdminQueue adminQueue;
    private final AdminCommands admin;
    private final List<IoQueue> queues = new ArrayList<>();
    private final List<Runnable> cleanup = new ArrayList<>();
    private @Nullable ShadowDoorbells shadow;
    private ControllerInfo info;
    private List<NvmeNamespace> namespaces = List.of();
    private boolean closed;

    /**
     * Takes the controller into use: resets it, creates queues, finds its namespaces.
     *
     * @throws IllegalArgumentException when the device is no NVMe controller
     * @throws IllegalStateException when it does not become ready
     * @throws NvmeException when it refuses a command that it must know
     */
    public static NvmeDriver open(PciFunction function, NvmeDriverOptions options) {
        return new NvmeDriver(function, options);
    }

    private NvmeDriver(PciFunction function, NvmeDriverOptions options) {
        this.function = function;
        this.options = options;
        var config = function.config();
        int classCode = config.classCode();
        if (classCode != CLASS_CODE) {
            throw new IllegalArgumentException(
                    "PCI device %04x:%04x is no NVMe controller: its class is %06x, not %06x"
                            .formatted(
                                    config.vendorId(), config.deviceId(), classCode, CLASS_CODE));
        }
        config.enable();
        registers = new ControllerRegisters(function.bar(0));
        doorbells = new Doorbells(function.bar(0), registers.doorbellStride());
        vectors = options.mode() == NvmeDriverOptions.Mode.INTERRUPT ? interrupts() : List.of();
        boolean opened = false;
        try {
            var dma = function.dma();
            adminQueue = new AdminQueue(doorbells, registers, dma, options.memory(), patience(0));
            cleanup.add(adminQueue::close);
            admin = new AdminCommands(adminQueue, dma);
            cleanup.add(admin::close);
            enable();
            info = admin.identifyController();
            allocate();
            start();
            opened = true;
        } finally {
            if (!opened) {
                free();
            }
        }
    }

    /** Returns the registers, for what this class does not do. */
    public ControllerRegisters registers() {
        return registers;
    }

    /** Returns the doorbells, for queues of one's own. */
    public Doorbells doorbells() {
        return doorbells;
    }

    /** Returns the admin commands. */
    public AdminCommands admin() {
        return admin;
    }

    /** Returns what the controller says of itself. */
    public ControllerInfo info() {
        return info;
    }

    /** Returns the namespaces that were there at {@link #open} or {@link #rescan}. */
    public List<NvmeNamespace> namespaces() {
        return namespaces;
    }

    /** Looks for namespaces again. */
    public List<NvmeNamespace> rescan() {
        namespaces = admin.activeNamespaces().stream().map(admin::identifyNamespace).toList();
        return namespaces;
    }

    /** Returns the I/O queues; the first namespace is selected at first. */
    public List<IoQueue> queues() {
        return List.copyOf(queues);
    }

    /** Hot. Returns I/O queue {@code index}, from 0. */
    public IoQueue queue(int index) {
        return queues.get(index);
    }

    /** Returns simple calls for a namespace, by the first I/O queue. */
    public SyncIo sync(NvmeNamespace namespace) {
        return new SyncIo(queues.getFirst(), namespace);
    }

    /** Returns the next asynchronous event, without waiting; null when there is none. */
    public @Nullable AsyncEvent takeEvent() {
        return adminQueue.takeEvent();
    }

    /**
     * Does what the device needs done, and notices when it is gone: for a driver that polls for
     * long without finding anything.
     *
     * @throws DisconnectedException when the device is gone
     */
    public void serve() {
        function.work().serve();
    }

    /** Resets the controller and takes it into use again. What was in flight is forgotten. */
    public void reset() {
        enable();
        info = admin.identifyController();
        start();
    }

    /**
     * Shuts the controller down in order: deletes the queues, notifies it, waits until it says that
     * it is done, and disables it. Then frees the memory. Idempotent.
     */
    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        try {
            shutDown();
        } catch (DisconnectedException gone) {
            return; // there is nobody to shut down
        } finally {
            free();
        }
    }

    /** Frees all, also after one that throws; what is left goes with the function. */
    private void free() {
        RuntimeException failure = null;
        for (var task : cleanup.reversed()) {
            try {
                task.run();
            } catch (RuntimeException e) {
                failure = failure == null ? e : failure;
            }
        }
        cleanup.clear();
        if (failure != null) {
            throw failure;
        }
    }

    /**
     * Vector 0 is the admin queue's; with MSI-X, each I/O queue has one too, if there are enough.
     */
    private List<Interrupt> interrupts() {
        int there = function.device().irqInfo(Irq.MSIX).count();
        return there > 1
                ? function.interrupts(Irq.MSIX, 0, Math.min(there, 1 + options.queues()))
                : List.of(function.interrupt());
    }

    private int vector(int queue) {
        return vectors.size() == 1 || queue == 0 ? 0 : 1 + (queue - 1) % (vectors.size() - 1);
    }

    private Patience patience(int queue) {
        var work = function.work();
        // A server reads shared memory by itself; it needs this process for private memory only.
        boolean busy = !(work instanceof RemoteDevice) || options.memory() == DmaMemory.MESSAGES;
        var interrupt = vectors.isEmpty() ? null : vectors.get(vector(queue));
        return new Patience(interrupt, work, busy, options.timeout());
    }

    private void enable() {
        doorbells.shadow(null);
        disable();
        if (registers.minPageSize() > PAGE) {
            throw new IllegalStateException(
                    "the controller's smallest page is %d bytes, the driver's only one %d"
                            .formatted(registers.minPageSize(), PAGE));
        }
        adminQueue.reset();
        var pair = adminQueue.pair();
        registers.adminQueues(pair.submissions(), pair.completions());
        registers.cc(ControllerRegisters.CC_ENTRY_SIZES | ControllerRegisters.CC_ENABLE);
        await(
                ControllerRegisters.CSTS_READY,
                ControllerRegisters.CSTS_READY,
                readyTime(),
                "become ready");
    }

    private void disable() {
        int cc = registers.cc();
        if ((cc & ControllerRegisters.CC_ENABLE) != 0) {
            registers.cc(cc & ~(ControllerRegisters.CC_ENABLE | ControllerRegisters.CC_SHUTDOWN));
        }
        await(ControllerRegisters.CSTS_READY, 0, readyTime(), "become disabled");
    }

    private Duration readyTime() {
        return Duration.ofMillis(Math.max(MIN_READY_MILLIS, registers.timeoutMillis()));
    }

    private void allocate() {
        int count = admin.setQueueCount(options.queues());
        int entries = Math.min(options.depth() + 1, registers.maxQueueEntries());
        int maxTransfer = options.maxTransfer();
        if (info.mdts() > 0 && info.mdts() < 16) {
            maxTransfer =
                    (int) Math.min(maxTransfer, (long) registers.minPageSize() << info.mdts());
        }
        if (options.shadowDoorbells() && info.hasDoorbellBufferConfig()) {
            var shadows = new ShadowDoorbells(function.dma());
            cleanup.add(shadows::close);
            shadow = shadows;
        }
        for (int id = 1; id <= count; id++) {
            var queue =
                    new IoQueue(
                            doorbells,
                            id,
                            options,
                            entries,
                            maxTransfer,
                            options.sgl() && info.hasSgl(),
                            function.dma(),
                            patience(id));
            cleanup.add(queue::close);
            queues.add(queue);
        }
    }

    private void start() {
        admin.setQueueCount(options.queues());
        var shadows = shadow;
        if (shadows != null) {
            admin.configureDoorbells(shadows);
            doorbells.shadow(shadows);
        }
        for (var queue : queues) {
            queue.reset();
            var completions = queue.pair().completions();
            if (vectors.isEmpty()) {
                admin.createCompletionQueue(completions);
            } else {
                admin.createCompletionQueue(completions, vector(queue.id()));
            }
            admin.createSubmissionQueue(queue.pair().submissions(), 0);
        }
        rescan();
        if (!namespaces.isEmpty()) {
            queues.forEach(queue -> queue.select(namespaces.getFirst()));
        }
        adminQueue.armEvents(Math.min(options.asyncEvents(), info.asyncEventLimit() + 1));
    }

    private void shutDown() {
        int status = registers.csts();
        int unusable = ControllerRegisters.CSTS_FATAL | ControllerRegisters.CSTS_SHUTDOWN;
        if ((status & unusable) == 0 && (status & ControllerRegisters.CSTS_READY) != 0) {
            deleteQueues();
            int cc = registers.cc() & ~ControllerRegisters.CC_SHUTDOWN;
            registers.cc(cc | ControllerRegisters.CC_SHUTDOWN_NORMAL);
            await(
                    ControllerRegisters.CSTS_SHUTDOWN,
                    ControllerRegisters.CSTS_SHUTDOWN_DONE,
                    options.timeout(),
                    "shut down");
        }
        disable(); // so that it lets go of the memory
    }

    /** What cannot be deleted ends with the controller. */
    private void deleteQueues() {
        try {
            for (var queue : queues) {
                admin.deleteSubmissionQueue(queue.id());
                admin.deleteCompletionQueue(queue.id());
            }
        } catch (NvmeException e) {
            return;
        }
    }

    private void await(int mask, int wanted, Duration limit, String what) {
        long deadline = System.nanoTime() + limit.toNanos();
        while (true) {
            int status = registers.csts();
            if (status != -1 && (status & mask) == wanted) {
                return;
            }
            boolean fatal = (status & ControllerRegisters.CSTS_FATAL) != 0 && wanted != 0;
            if (fatal || deadline - System.nanoTime() <= 0) {
                throw new IllegalStateException(
                        "the controller does not %s: controller status 0x%x, configuration 0x%x"
                                .formatted(what, status, registers.cc()));
            }
            if (!function.work().serve()) {
                pause();
            }
        }
    }

    private static void pause() {
        try {
            Thread.sleep(1);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while the controller changed state", e);
        }
    }
}
