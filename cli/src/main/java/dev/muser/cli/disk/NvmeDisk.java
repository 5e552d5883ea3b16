package dev.muser.cli.disk;

import dev.muser.device.EventLoop;
import dev.muser.device.VfioDevice;
import dev.muser.device.pci.PciDevice;
import dev.muser.devices.nvme.NamespaceOptions;
import dev.muser.devices.nvme.Nvme;
import dev.muser.devices.nvme.NvmeOptions;
import org.jspecify.annotations.Nullable;

/** A controller whose storages are open, before and while it is served. */
public final class NvmeDisk implements AutoCloseable {
    private final NvmeOptions options;
    private @Nullable EventLoop loop;
    private @Nullable Nvme device;

    public NvmeDisk(NvmeOptions options) {
        this.options = options;
    }

    /** Makes the device, which closes the storages at its end. On the loop's thread. */
    public synchronized VfioDevice make(EventLoop events) {
        loop = events;
        return PciDevice.create(ctx -> device = new Nvme(ctx, options), events);
    }

    /** Closes the storages, unless the device does. */
    @Override
    public synchronized void close() {
        if (device == null) {
            options.namespaces().stream()
                    .map(NamespaceOptions::storage)
                    .forEach(storage -> storage.close());
        }
    }
}
