package dev.muser.fuzz;

import dev.muser.devices.nvme.Doorbell;
import dev.muser.devices.nvme.NamespaceOptions;
import dev.muser.devices.nvme.Nvme;
import dev.muser.devices.nvme.NvmeOptions;
import dev.muser.devices.storage.MemoryStorage;
import dev.muser.linux.Fd;
import dev.muser.linux.Mapping;
import dev.muser.linux.MemoryFile;
import java.lang.foreign.MemorySegment;
import java.util.List;

/** An NVMe controller with two small namespaces. */
final class NvmeTarget extends DeviceTarget {
    static final String SERIAL = "FUZZED";

    /** What a driver may have its queues in. */
    private final Fd queues;

    private final Mapping mapping;

    NvmeTarget() {
        long size = NvmeQueues.END - NvmeQueues.BEGIN;
        var file = MemoryFile.create("muser-fuzz-queues", size);
        MemoryFile.seal(file, MemoryFile.SEAL_SHRINK);
        queues = file;
        mapping = Mapping.shared(file, 0, size, Mapping.Access.READ_WRITE);
        super(ctx ->
                new Nvme(
                        ctx,
                        NvmeOptions.of(
                                        SERIAL,
                                        List.of(
                                                NamespaceOptions.of(
                                                        new MemoryStorage(1 << 16), 512, "first"),
                                                NamespaceOptions.of(
                                                        new MemoryStorage(1 << 16),
                                                        4096,
                                                        "second")))
                                .withQueues(8)
                                .withVectors(8)
                                .withDoorbell(Doorbell.MESSAGES)));
    }

    @Override
    DeviceRun start(Input input) {
        return new NvmeRun(this, input);
    }

    Fd queues() {
        return queues;
    }

    MemorySegment queueMemory() {
        return mapping.segment();
    }

    @Override
    public void close() {
        super.close();
        mapping.close();
        queues.close();
    }
}
