package dev.muser.testkit;

import dev.muser.client.BackgroundWork;
import dev.muser.device.DmaAccess;
import dev.muser.device.IrqAction;
import dev.muser.device.pci.DeviceFactory;
import dev.muser.device.pci.PciDevice;
import dev.muser.linux.Fd;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A device in the test's own thread: no socket, no process, no other thread. What the device leaves
 * for later is done when the call that led to it returns, so that a test sees all effects.
 */
public final class InProcessDevice extends ForwardingDevice implements BackgroundWork {
    private final InlineLoop loop;

    private InProcessDevice(DeviceFactory factory, InlineLoop loop) {
        super(PciDevice.create(factory, loop));
        this.loop = loop;
    }

    public static InProcessDevice of(DeviceFactory factory) {
        return new InProcessDevice(factory, new InlineLoop());
    }

    @Override
    public void readRegion(int region, long offset, MemorySegment buffer, long at, int count) {
        super.readRegion(region, offset, buffer, at, count);
        loop.run();
    }

    @Override
    public void writeRegion(int region, long offset, MemorySegment buffer, long at, int count) {
        super.writeRegion(region, offset, buffer, at, count);
        loop.run();
    }

    @Override
    public void mapDma(long iova, long size, DmaAccess access, @Nullable Fd file, long offset) {
        super.mapDma(iova, size, access, file, offset);
        loop.run();
    }

    @Override
    public void setIrqs(int index, IrqAction action, int start, int count) {
        super.setIrqs(index, action, start, count);
        loop.run();
    }

    @Override
    public void reset() {
        super.reset();
        loop.run();
    }

    @Override
    public List<Fd> descriptors() {
        return loop.watched();
    }

    /** Does what has become due: timers, descriptors, tasks of other threads. */
    @Override
    public boolean serve() {
        return loop.run();
    }

    @Override
    public void close() {
        try {
            super.close();
        } finally {
            loop.close();
        }
    }
}
