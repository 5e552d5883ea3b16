package dev.muser.testkit.devices.nvme;

import dev.muser.client.DmaBuffer;
import dev.muser.client.DmaMemory;
import dev.muser.client.PciFunction;
import dev.muser.client.nvme.Completion;
import dev.muser.client.nvme.CompletionQueue;
import dev.muser.client.nvme.ControllerRegisters;
import dev.muser.client.nvme.NvmeDriver;
import dev.muser.client.nvme.NvmeDriverOptions;
import dev.muser.client.nvme.NvmeNamespace;
import dev.muser.client.nvme.SubmissionEntry;
import dev.muser.device.DmaAccess;
import dev.muser.devices.nvme.NamespaceOptions;
import dev.muser.devices.nvme.Nvme;
import dev.muser.devices.nvme.NvmeOptions;
import dev.muser.devices.storage.MemoryStorage;
import dev.muser.devices.storage.Storage;
import dev.muser.testkit.InProcessDevice;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** A controller and its driver in the test's own thread: no socket, no process. */
final class Disk implements AutoCloseable {
    static final long SIZE = 16L << 20;

    /** Nothing takes so long; a test that waits in vain fails after it. */
    private static final long PATIENCE = 10_000_000_000L;

    final InProcessDevice device;
    final PciFunction function;
    final NvmeDriver driver;
    private @Nullable DmaBuffer data;

    private Disk(NvmeOptions options, NvmeDriverOptions driverOptions) {
        device = InProcessDevice.of(ctx -> new Nvme(ctx, options));
        function = new PciFunction(device);
        driver = NvmeDriver.open(function, driverOptions);
    }

    static Disk open(NvmeOptions options, NvmeDriverOptions driverOptions) {
        return new Disk(options, driverOptions);
    }

    /** One namespace in memory. */
    static Disk inMemory(int blockSize, NvmeDriverOptions driverOptions) {
        return of(new MemoryStorage(SIZE), blockSize, driverOptions);
    }

    static Disk of(Storage storage, int blockSize, NvmeDriverOptions driverOptions) {
        return open(
                NvmeOptions.of("TEST", List.of(NamespaceOptions.of(storage, blockSize, "test"))),
                driverOptions);
    }

    NvmeNamespace namespace() {
        return driver.namespaces().getFirst();
    }

    DmaBuffer buffer(long size, DmaMemory kind) {
        return function.dma().allocate(size, DmaAccess.READ_WRITE, kind);
    }

    /** Returns 64 KiB to read into and write from, the same each time. */
    DmaBuffer data() {
        var found = data;
        if (found == null) {
            found = buffer(65536, DmaMemory.PAGES);
            data = found;
        }
        return found;
    }

    /** A completion, as it came. */
    record Done(int cid, int status, int result, int queueHead) {
        static Done of(Completion c) {
            return new Done(c.commandId(), c.status(), c.dw0(), c.submissionQueueHead());
        }
    }

    /** Sends one entry by the first I/O queue and returns its status. */
    int status(Consumer<SubmissionEntry> command) {
        return io(command).status();
    }

    /** Sends one entry about namespace 1 and {@link #data}; at most two pages of them. */
    int status(int opcode, long lba, int blocks) {
        return status(entry -> transfer(entry, opcode, lba, blocks, data().iova()));
    }

    /** Fills in a command of namespace 1 whose data begin at a page; at most two pages of them. */
    static SubmissionEntry transfer(
            SubmissionEntry entry, int opcode, long lba, int blocks, long iova) {
        return entry.opcode(opcode).nsid(1).lba(lba).cdw12(blocks - 1).prp1(iova).prp2(iova + 4096);
    }

    /** Sends an admin command and returns its status. */
    int admin(int opcode, Consumer<SubmissionEntry> command) {
        command.accept(driver.admin().queue().command(opcode));
        return driver.admin().queue().tryExecute().status();
    }

    /** Deletes an I/O queue pair of the driver's, so that a test can create its own. */
    void freeQueue(int id) {
        driver.admin().deleteSubmissionQueue(id);
        driver.admin().deleteCompletionQueue(id);
    }

    /** Whether the controller has given up: CSTS.CFS. */
    boolean isFatal() {
        return (driver.registers().csts() & ControllerRegisters.CSTS_FATAL) != 0;
    }

    /** Lets the device go on until something is so. */
    void serveUntil(BooleanSupplier condition) {
        long end = System.nanoTime() + PATIENCE;
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() > end) {
                throw new AssertionError("it never came to that");
            }
            device.serve();
        }
    }

    /** Lets the device do all that it can do now. */
    void settle() {
        for (int i = 0; i < 8; i++) {
            device.serve();
        }
    }

    /** Sends one entry by the first I/O queue and returns its completion. */
    Done io(Consumer<SubmissionEntry> command) {
        return ios(1, (entry, i) -> command.accept(entry)).getFirst();
    }

    /** What to write into the entry of a number. */
    interface EntryWriter {
        void write(SubmissionEntry entry, int index);
    }

    /** Sends entries in one go; returns their completions in the order in which they came. */
    List<Done> ios(int count, EntryWriter writer) {
        var pair = driver.queue(0).pair();
        for (int i = 0; i < count; i++) {
            var entry = pair.next().clear().cid(0x100 + i);
            writer.write(entry, i);
        }
        pair.submit();
        return await(count);
    }

    List<Done> await(int count) {
        return await(driver.queue(0).pair().completions(), count);
    }

    /** Takes so many completions of a queue, in the order in which they came. */
    List<Done> await(CompletionQueue completions, int count) {
        var found = new ArrayList<Done>();
        long end = System.nanoTime() + PATIENCE;
        while (found.size() < count) {
            device.serve();
            if (completions.advance()) {
                found.add(Done.of(completions.completion()));
                completions.acknowledge();
            } else if (System.nanoTime() > end) {
                throw new AssertionError(
                        "%d of %d commands completed: %s".formatted(found.size(), count, found));
            }
        }
        return found;
    }

    @Override
    public void close() {
        try (device;
                function) {
            driver.close();
        }
    }
}
