package dev.muser.client;

import dev.muser.device.DeviceInfo;
import dev.muser.device.DmaAccess;
import dev.muser.device.DmaPort;
import dev.muser.device.IoEventFd;
import dev.muser.device.Irq;
import dev.muser.device.IrqAction;
import dev.muser.device.IrqInfo;
import dev.muser.device.Migration;
import dev.muser.device.Region;
import dev.muser.device.RegionInfo;
import dev.muser.device.VfioDevice;
import dev.muser.device.VfioException;
import dev.muser.linux.Errno;
import dev.muser.linux.EventFd;
import dev.muser.linux.Fd;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * As much of QEMU's edu as a driver touches, in process; its DMA goes by message. With INTx it
 * masks itself at delivery, as VFIO's INTx does.
 */
public final class Edu implements VfioDevice {
    private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT_UNALIGNED;
    private static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG_UNALIGNED;

    private final boolean msi;
    private final ByteBuffer config = ByteBuffer.allocate(256).order(ByteOrder.LITTLE_ENDIAN);
    private final MemorySegment memory = MemorySegment.ofArray(new byte[4096]);
    private final List<String> mapped = new ArrayList<>();
    private @Nullable DmaPort port;
    private @Nullable Fd eventFd;
    private boolean masked;
    private int liveness;
    private int factorial;
    private int status;
    private int irqStatus;
    private long source;
    private long destination;
    private long count;

    public Edu(int deviceId, boolean msi) {
        this.msi = msi;
        config.putShort(0, (short) 0x1234).putShort(2, (short) deviceId);
        if (msi) {
            config.putShort(6, (short) 0x10).put(0x34, (byte) 0x40).put(0x40, (byte) 5);
        }
    }

    /** The command register, for a test to look at. */
    public int command() {
        return config.getShort(4);
    }

    /** Message control of the MSI capability. */
    public int msiControl() {
        return config.getShort(0x42);
    }

    /** What is mapped now. */
    public List<String> mapped() {
        return mapped;
    }

    public boolean attached() {
        return port != null;
    }

    @Override
    public DeviceInfo info() {
        return new DeviceInfo(true, true, Region.COUNT, Irq.COUNT);
    }

    @Override
    public RegionInfo regionInfo(int index) {
        return switch (index) {
            case Region.BAR0 -> RegionInfo.of(1 << 20, true, true);
            case Region.CONFIG -> RegionInfo.of(256, true, true);
            default -> RegionInfo.ABSENT;
        };
    }

    @Override
    public IrqInfo irqInfo(int index) {
        boolean there = index == (msi ? Irq.MSI : Irq.INTX);
        return new IrqInfo(there ? 1 : 0, true, !msi, !msi, false);
    }

    @Override
    public void readRegion(int region, long offset, MemorySegment buffer, long at, int size) {
        if (region == Region.CONFIG) {
            MemorySegment.copy(MemorySegment.ofBuffer(config), offset, buffer, at, size);
            return;
        }
        buffer.set(
                U32,
                at,
                switch ((int) offset) {
                    case 0 -> 0x010000ed;
                    case 4 -> ~liveness;
                    case 8 -> factorial;
                    case 0x20 -> status;
                    case 0x24 -> irqStatus;
                    default -> throw new VfioException(Errno.EINVAL, "read of " + offset);
                });
    }

    @Override
    public void writeRegion(int region, long offset, MemorySegment buffer, long at, int size) {
        if (region == Region.CONFIG) {
            MemorySegment.copy(buffer, at, MemorySegment.ofBuffer(config), offset, size);
            return;
        }
        int value = buffer.get(U32, at);
        long wide = size == 8 ? buffer.get(U64, at) : value;
        switch ((int) offset) {
            case 4 -> liveness = value;
            case 8 -> compute(value);
            case 0x20 -> status = value & 0x80;
            case 0x64 -> irqStatus &= ~value;
            case 0x80 -> source = wide;
            case 0x88 -> destination = wide;
            case 0x90 -> count = wide;
            case 0x98 -> transfer(wide);
            default -> throw new VfioException(Errno.EINVAL, "write of " + offset);
        }
    }

    private void compute(int n) {
        factorial = 1;
        for (int i = 2; i <= n; i++) {
            factorial *= i;
        }
        if ((status & 0x80) != 0) {
            raise(1);
        }
    }

    private void transfer(long command) {
        var client = port;
        if (client == null) {
            throw new VfioException(Errno.EIO, "not attached");
        }
        if ((command & 2) == 0) {
            var into = memory.asSlice(destination - 0x40000, count);
            client.read(source, into, errno -> finish(command, errno));
        } else {
            var from = memory.asSlice(source - 0x40000, count);
            client.write(destination, from, errno -> finish(command, errno));
        }
    }

    private void finish(long command, int errno) {
        if (errno == 0 && (command & 4) != 0) {
            raise(0x100);
        }
    }

    private void raise(int cause) {
        irqStatus |= cause;
        if (eventFd != null && !masked) {
            EventFd.signal(eventFd);
            masked = !msi;
        }
    }

    @Override
    public void setIrqs(int index, IrqAction action, int start, int number) {
        masked = action == IrqAction.MASK;
        if (action == IrqAction.UNMASK && irqStatus != 0) {
            raise(0);
        }
    }

    @Override
    public void setIrqEventFds(int index, IrqAction action, int start, List<Fd> eventFds) {
        clearIrqEventFds(index, action, start, 1);
        eventFd = eventFds.getFirst();
    }

    @Override
    public void clearIrqEventFds(int index, IrqAction action, int start, int number) {
        if (eventFd != null) {
            eventFd.close();
            eventFd = null;
        }
    }

    @Override
    public void mapDma(long iova, long size, DmaAccess access, @Nullable Fd file, long offset) {
        mapped.add("0x%x+0x%x".formatted(iova, size));
        if (file != null) {
            file.close();
        }
    }

    @Override
    public void unmapDma(long iova, long size) {
        if (!mapped.remove("0x%x+0x%x".formatted(iova, size))) {
            throw new VfioException(Errno.ENOENT, "unmap");
        }
    }

    @Override
    public void attach(@Nullable DmaPort client) {
        port = client;
    }

    @Override
    public void detach() {
        port = null;
    }

    @Override
    public List<IoEventFd> ioEventFds(int region) {
        return List.of();
    }

    @Override
    public void unmapAllDma() {
        mapped.clear();
    }

    @Override
    public void setIrqs(int index, IrqAction action, int start, boolean[] selected) {
        throw new VfioException(Errno.EINVAL, "one interrupt only");
    }

    @Override
    public void disableIrqs(int index) {
        clearIrqEventFds(index, IrqAction.TRIGGER, 0, 1);
    }

    @Override
    public void reset() {
        irqStatus = 0;
    }

    @Override
    public @Nullable Migration migration() {
        return null;
    }

    @Override
    public void close() {}
}
