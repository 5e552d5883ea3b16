package dev.muser.testkit.devices.nvme;

import dev.muser.client.DmaBuffer;
import dev.muser.client.DmaMemory;
import dev.muser.client.PciFunction;
import dev.muser.client.nvme.Completion;
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
import java.util.function.Consumer;

/** A controller and its driver in the test's own thread: no socket, no process. */
final class Disk implements AutoCloseable {
    static final long SIZE = 16L << 20;

    final InProcessDevice device;
    final PciFunction function;
    final NvmeDriver driver;

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

    /** A completion, as it came. */
    record Done(int cid, int status, int result, int queueHead) {
        static Done of(Completion c) {
            return new Done(c.commandId(), c.status(), c.dw0(), c.submissionQueueHead());
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
        var found = new ArrayList<Done>();
        long end = System.nanoTime() + 10_000_000_000L;
        var completions = driver.queue(0).pair().completions();
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
