package dev.muser.testkit;

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
import dev.muser.linux.Fd;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A device in front of another one, to be extended by those that watch it or disturb it. */
public class ForwardingDevice implements VfioDevice {
    private final VfioDevice device;

    protected ForwardingDevice(VfioDevice device) {
        this.device = device;
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
    public void detach() {
        device.detach();
    }

    @Override
    public void restored() {
        device.restored();
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
    public void mapDma(long iova, long size, DmaAccess access, @Nullable Fd file, long offset) {
        device.mapDma(iova, size, access, file, offset);
    }

    @Override
    public void unmapDma(long iova, long size) {
        device.unmapDma(iova, size);
    }

    @Override
    public void unmapAllDma() {
        device.unmapAllDma();
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
    public void setIrqEventFds(int index, IrqAction action, int start, List<Fd> eventFds) {
        device.setIrqEventFds(index, action, start, eventFds);
    }

    @Override
    public void clearIrqEventFds(int index, IrqAction action, int start, int count) {
        device.clearIrqEventFds(index, action, start, count);
    }

    @Override
    public void disableIrqs(int index) {
        device.disableIrqs(index);
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
