package dev.muser.devices.nvme;

import dev.muser.device.ClientKind;
import dev.muser.device.ResetKind;
import dev.muser.device.VfioException;
import dev.muser.device.pci.Device;
import dev.muser.device.pci.DeviceContext;
import dev.muser.device.pci.DeviceSerialNumber;
import dev.muser.device.pci.Interrupt;
import dev.muser.device.pci.MovedMemory;
import dev.muser.device.pci.Msi;
import dev.muser.device.pci.MsiX;
import dev.muser.device.pci.PciExpress;
import dev.muser.device.pci.PowerManagement;
import dev.muser.devices.storage.StorageException;
import dev.muser.linux.Errno;
import java.util.List;
import java.util.Map;

/**
 * An NVM Express controller on PCI Express (NVMe base 1.4): a disk whose bytes are in {@linkplain
 * dev.muser.devices.storage.Storage storage engines}.
 *
 * <pre>
 * BAR 0   0000  registers
 *         1000  doorbells, a page of their own
 *         2000  MSI-X table     3000  MSI-X pending bits
 * </pre>
 */
public final class Nvme implements Device {
    /**
     * Drivers find the controller by its class. QEMU's own identifiers would bring its quirks:
     * Linux does not believe in namespace identifiers of those.
     */
    static final int VENDOR = 0x1234;

    private static final int DEVICE = 0x4e56; // "NV"
    private static final int BAR_SIZE = 0x4000;
    private static final int MSIX_TABLE = 0x2000;
    private static final int MSIX_PENDING = 0x3000;
    private static final int MSI_VECTORS = 32;

    private final Controller controller;
    private final Inspection inspection;

    public Nvme(DeviceContext ctx, NvmeOptions options) {
        ctx.identity(VENDOR, DEVICE).subsystem(VENDOR, DEVICE).classCode(1, 8, 2).revision(1);
        ctx.intx();
        ctx.errorSignal(); // never sent; QEMU warns of devices that have none
        ctx.capability(new PowerManagement());
        ctx.capability(Msi.maskable(MSI_VECTORS));
        ctx.capability(
                new MsiX(options.vectors(), 0).table(0, MSIX_TABLE).pendingBits(0, MSIX_PENDING));
        ctx.capability(new PciExpress());
        ctx.capability(new DeviceSerialNumber(options.serial().hashCode()));
        var bar = ctx.bar(0, BAR_SIZE).wide();
        var vectors = new Interrupt[options.vectors()];
        for (int i = 0; i < vectors.length; i++) {
            vectors[i] = ctx.interrupt(i);
        }
        controller = new Controller(ctx.loop(), ctx.state(), ctx.memory(), bar, vectors, options);
        inspection = new Inspection(controller, options);
        try {
            controller.start();
        } catch (RuntimeException e) {
            controller.close();
            throw e;
        }
    }

    /**
     * Adds a namespace while the device runs; a driver that listens is told. On the loop's thread.
     *
     * @return its identifier, the lowest that is free
     * @throws dev.muser.devices.storage.StorageException when its storage does not start
     */
    public int addNamespace(NamespaceOptions options) {
        return controller.namespaceChanges().add(options);
    }

    /**
     * Removes a namespace while the device runs; a driver that listens is told. Commands under way
     * there end as they would have; then its storage is closed. On the loop's thread.
     *
     * @throws IllegalArgumentException when there is none of that identifier
     */
    public void removeNamespace(int id) {
        controller.namespaceChanges().remove(id);
    }

    /** Returns what it is doing now. On the loop's thread. */
    public NvmeStatus describe() {
        return inspection.describe();
    }

    @Override
    public void powerOn() {
        controller.powerOn();
    }

    @Override
    public void restored() {
        controller.restored();
    }

    @Override
    public void movedHere() {
        controller.custody().moved();
    }

    @Override
    public boolean quiesce() {
        return controller.quiescence().begin();
    }

    @Override
    public void moveExpected() {
        controller.quiescence().moveExpected();
    }

    @Override
    public void handOver() {
        controller.custody().handOver();
    }

    @Override
    public void takeOver() {
        try {
            controller.custody().takeOver();
        } catch (StorageException e) {
            throw new VfioException(Errno.EBUSY, "the disk cannot go on here: " + e.getMessage());
        }
    }

    @Override
    public void resume() {
        controller.quiescence().end();
    }

    @Override
    public Map<String, String> traits() {
        return inspection.traits();
    }

    @Override
    public List<MovedMemory> movedMemory() {
        return controller.namespaces().memory();
    }

    @Override
    public void attached(ClientKind kind) {
        controller.attached(kind);
    }

    @Override
    public void reset(ResetKind kind) {
        controller.reset(); // of whatever kind: all end what is under way
    }

    @Override
    public void dmaUnmapped(long iova, long size) {
        controller.unmapping(iova, size);
    }

    @Override
    public void close() {
        controller.close();
    }
}
