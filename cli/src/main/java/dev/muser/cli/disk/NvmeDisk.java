package dev.muser.cli.disk;

import dev.muser.device.EventLoop;
import dev.muser.device.VfioDevice;
import dev.muser.device.pci.PciDevice;
import dev.muser.device.state.DeviceHome;
import dev.muser.devices.nvme.NamespaceOptions;
import dev.muser.devices.nvme.Nvme;
import dev.muser.devices.nvme.NvmeOptions;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/** A controller whose storages are open, before and while it is served. Any thread. */
public final class NvmeDisk implements AutoCloseable {
    private static final int PATIENCE_SECONDS = 30;

    private final NvmeOptions options;
    private @Nullable Made made;

    private record Made(EventLoop loop, VfioDevice device, Nvme nvme) {}

    /** Something to do with the device, on its loop's thread. */
    public interface Work {
        void run(VfioDevice device, Nvme nvme);
    }

    public NvmeDisk(NvmeOptions options) {
        this.options = options;
    }

    /**
     * Makes the device, which closes the storages at its end. On the loop's thread.
     *
     * @param home where it lives that is to outlive the process; null for one that is not
     */
    public synchronized VfioDevice make(EventLoop loop, @Nullable DeviceHome home) {
        var nvme = new @Nullable Nvme[1];
        var device = PciDevice.create(ctx -> nvme[0] = new Nvme(ctx, options), loop, home);
        var controller = nvme[0];
        if (controller == null) {
            throw new IllegalStateException("no controller was made");
        }
        made = new Made(loop, device, controller);
        return device;
    }

    /** Returns the loop of the device that was made. */
    public EventLoop loop() {
        return made().loop;
    }

    private synchronized Made made() {
        if (made == null) {
            throw new IllegalStateException("the device was not made");
        }
        return made;
    }

    /**
     * Does something with the device, and waits for it.
     *
     * @throws IllegalStateException when the loop does not come to it in time, or has ended
     */
    public void onLoop(Work work) {
        var to = made();
        var done = new CompletableFuture<Boolean>();
        to.loop.execute(() -> {
            try {
                work.run(to.device, to.nvme);
                done.complete(true);
            } catch (RuntimeException | Error e) { // the device's client is not to suffer from it
                done.completeExceptionally(e);
            }
        });
        try {
            done.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof RuntimeException cause) {
                throw cause;
            }
            throw new IllegalStateException("the device failed: " + e.getCause(), e);
        } catch (TimeoutException e) {
            throw new IllegalStateException(
                    "the device does not answer within %d seconds".formatted(PATIENCE_SECONDS), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted", e);
        }
    }

    /** Closes the storages, unless the device does. */
    @Override
    public synchronized void close() {
        if (made == null) {
            options.namespaces().stream()
                    .map(NamespaceOptions::storage)
                    .forEach(storage -> storage.close());
        }
    }
}
