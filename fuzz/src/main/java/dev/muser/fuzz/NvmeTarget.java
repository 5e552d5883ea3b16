package dev.muser.fuzz;

import dev.muser.devices.nvme.Doorbell;
import dev.muser.devices.nvme.NamespaceOptions;
import dev.muser.devices.nvme.Nvme;
import dev.muser.devices.nvme.NvmeOptions;
import dev.muser.devices.storage.MemoryStorage;
import java.util.List;

/** An NVMe controller with two small namespaces. */
final class NvmeTarget extends DeviceTarget {
    static final String SERIAL = "FUZZED";

    NvmeTarget() {
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
}
