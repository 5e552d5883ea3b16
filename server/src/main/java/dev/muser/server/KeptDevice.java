package dev.muser.server;

import dev.muser.device.ClientKind;
import dev.muser.device.DeviceInfo;
import dev.muser.device.DirtyLog;
import dev.muser.device.DmaAccess;
import dev.muser.device.DmaPort;
import dev.muser.device.IoEventFd;
import dev.muser.device.IrqAction;
import dev.muser.device.IrqInfo;
import dev.muser.device.Migration;
import dev.muser.device.RegionInfo;
import dev.muser.device.VfioDevice;
import dev.muser.device.pci.PciDevice;
import dev.muser.linux.Fd;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A device, and notes on what its client has given it, for a successor to give it again. */
final class KeptDevice implements VfioDevice {
    private final VfioDevice device;
    private final KeptMappings mappings;
    private final KeptEventFds eventFds;
    private final KeptDescriptors descriptors;

    KeptDevice(
            VfioDevice device,
            KeptMappings mappings,
            KeptEventFds eventFds,
            KeptDescriptors descriptors) {
        this.device = device;
        this.mappings = mappings;
        this.eventFds = eventFds;
        this.descriptors = descriptors;
    }

    /** Lets the device go as it is. */
    void abandon() {
        if (device instanceof PciDevice pci) {
            pci.abandon();
        }
    }

    /** Gives the device again what its client had given it. */
    void restoreClient() {
        eventFds.restore(device); // first: a device may raise interrupts when memory comes
        mappings.restore(device);
    }

    @Override
    public void mapDma(long iova, long size, DmaAccess access, @Nullable Fd file, long offset) {
        FdIdentity identity;
        try {
            identity = file == null ? null : descriptors.hold(file);
        } catch (RuntimeException e) {
            if (file != null) {
                file.close();
            }
            throw e;
        }
        try {
            device.mapDma(iova, size, access, file, offset);
            mappings.add(iova, size, access, identity, offset);
        } finally {
            if (identity != null) {
                descriptors.drop(identity);
            }
        }
    }

    @Override
    public void unmapDma(long iova, long size) {
        if (!mappings.removeLost(iova, size) || mappings.hasAny(iova, size)) {
            device.unmapDma(iova, size);
            mappings.remove(iova, size);
        }
    }

    @Override
    public void unmapAllDma() {
        try {
            device.unmapAllDma();
        } finally {
            mappings.clear();
        }
    }

    @Override
    public void setIrqEventFds(int index, IrqAction action, int start, List<Fd> fds) {
        var held = new ArrayList<FdIdentity>();
        try {
            for (var fd : fds) {
                held.add(descriptors.hold(fd));
            }
        } catch (RuntimeException e) {
            held.forEach(descriptors::drop);
            fds.forEach(Fd::close);
            throw e;
        }
        try {
            device.setIrqEventFds(index, action, start, fds);
        } catch (RuntimeException | Error e) {
            held.forEach(descriptors::drop);
            throw e;
        }
        eventFds.install(index, action, start, held);
    }

    @Override
    public void clearIrqEventFds(int index, IrqAction action, int start, int count) {
        device.clearIrqEventFds(index, action, start, count);
        eventFds.remove(index, action, start, count);
    }

    @Override
    public void disableIrqs(int index) {
        device.disableIrqs(index);
        eventFds.clear(index);
    }

    @Override
    public void detach() {
        try {
            device.detach();
        } finally {
            mappings.clear();
            eventFds.clear();
        }
    }

    @Override
    public void readRegion(int region, long offset, MemorySegment buffer, long at, int count) {
        device.readRegion(region, offset, buffer, at, count);
    }

    @Override
    public void writeRegion(int region, long offset, MemorySegment buffer, long at, int count) {
        device.writeRegion(region, offset, buffer, at, count);
    }

    @Override
    public void setIrqs(int index, IrqAction action, int start, int count) {
        device.setIrqs(index, action, start, count);
    }

    @Override
    public void setIrqs(int index, IrqAction action, int start, boolean[] selected) {
        device.setIrqs(index, action, start, selected);
    }

    @Override
    public DeviceInfo info() {
        return device.info();
    }

    @Override
    public RegionInfo regionInfo(int index) {
        return device.regionInfo(index);
    }

    @Override
    public IrqInfo irqInfo(int index) {
        return device.irqInfo(index);
    }

    @Override
    public List<IoEventFd> ioEventFds(int region) {
        return device.ioEventFds(region);
    }

    @Override
    public void attach(@Nullable DmaPort port) {
        device.attach(port);
    }

    @Override
    public void attach(@Nullable DmaPort port, ClientKind kind) {
        device.attach(port, kind);
    }

    @Override
    public void restored() {
        device.restored();
    }

    @Override
    public void reset() {
        device.reset();
    }

    @Override
    public int maxDmaMaps() {
        return device.maxDmaMaps();
    }

    @Override
    public @Nullable DirtyLog dirtyLog() {
        return device.dirtyLog();
    }

    @Override
    public @Nullable Migration migration() {
        return device.migration();
    }

    @Override
    public void close() {
        device.close();
    }
}
