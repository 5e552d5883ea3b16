package dev.muser.server;

import dev.muser.device.ClientKind;
import dev.muser.device.DeviceInfo;
import dev.muser.device.DirtyLog;
import dev.muser.device.DmaAccess;
import dev.muser.device.DmaPort;
import dev.muser.device.IoEventFd;
import dev.muser.device.Irq;
import dev.muser.device.IrqAction;
import dev.muser.device.IrqInfo;
import dev.muser.device.Region;
import dev.muser.device.RegionInfo;
import dev.muser.device.VfioDevice;
import dev.muser.device.VfioException;
import dev.muser.linux.Errno;
import dev.muser.linux.EventFd;
import dev.muser.linux.Fd;
import dev.muser.linux.FileStatus;
import dev.muser.linux.MemoryFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;

/**
 * A device of memory that writes down what it is asked, and does what a test tells it to when a
 * method is called.
 *
 * <p>BAR0: 4 KiB of memory. BAR1: 4 KiB that can only be read. BAR2: 16 KiB of which two pages can
 * be mapped, at 8 KiB of a file. BAR4: one page, mappable as a whole. Config: 256 bytes.
 */
final class FakeDevice implements VfioDevice {
    static final int BAR0_SIZE = 4096;
    static final int[] VECTORS = {1, 4, 2048, 1, 1};

    final List<String> calls = new CopyOnWriteArrayList<>();
    final MemorySegment bar0 = Arena.ofAuto().allocate(BAR0_SIZE, 8);
    final Fd file = MemoryFile.create("fake-bar2", 0x6000);
    final List<IoEventFd> ioEventFds = new CopyOnWriteArrayList<>();
    volatile boolean recording = true;
    volatile boolean closed;
    volatile @Nullable FakeMigration migration;
    volatile int maxDmaMaps = 65535;
    volatile @Nullable DirtyLog dirtyLog;
    volatile @Nullable DmaPort port;
    volatile @Nullable ClientKind kind;

    /** A copy of what was last installed for each interrupt index, kept open. */
    final List<Fd> eventFds = new CopyOnWriteArrayList<>();

    private final Map<String, Runnable> hooks = new ConcurrentHashMap<>();
    private final Map<String, Throwable> failures = new ConcurrentHashMap<>();
    private final List<Fd> mapped = new ArrayList<>();
    private final MemorySegment config = Arena.ofAuto().allocate(256, 8);

    /** Runs {@code hook} first whenever {@code method} is called, on the device's thread. */
    void when(String method, Runnable hook) {
        hooks.put(method, hook);
    }

    void behaveAgain() {
        hooks.clear();
        failures.clear();
    }

    /** Throws {@code thrown}, whatever it is, whenever {@code method} is called. */
    void failOn(String method, Throwable thrown) {
        failures.put(method, thrown);
    }

    @SuppressWarnings("unchecked") // erased: bytecode may throw anything
    private <T extends Throwable> void called(String method) throws T {
        var hook = hooks.isEmpty() ? null : hooks.get(method);
        if (hook != null) {
            hook.run();
        }
        var failure = failures.isEmpty() ? null : failures.get(method);
        if (failure != null) {
            throw (T) failure;
        }
    }

    private void note(String call) {
        if (recording) {
            calls.add(call);
        }
    }

    @Override
    public DeviceInfo info() {
        called("info");
        return new DeviceInfo(true, true, Region.COUNT, Irq.COUNT);
    }

    @Override
    public RegionInfo regionInfo(int index) {
        called("regionInfo");
        return switch (index) {
            case Region.BAR0 -> RegionInfo.of(BAR0_SIZE, true, true);
            case Region.BAR1 -> RegionInfo.of(BAR0_SIZE, true, false);
            case Region.BAR2 ->
                    new RegionInfo(
                            0x4000,
                            true,
                            true,
                            file,
                            0x2000,
                            List.of(
                                    new RegionInfo.Area(0x1000, 0x1000),
                                    new RegionInfo.Area(0x3000, 0x1000)));
            case Region.BAR4 ->
                    new RegionInfo(
                            0x1000,
                            true,
                            true,
                            file,
                            0x1000,
                            List.of(new RegionInfo.Area(0, 0x1000)));
            case Region.CONFIG -> RegionInfo.of(256, true, true);
            default -> RegionInfo.ABSENT;
        };
    }

    @Override
    public IrqInfo irqInfo(int index) {
        return new IrqInfo(VECTORS[index], true, index == Irq.INTX, index == Irq.INTX, false);
    }

    @Override
    public List<IoEventFd> ioEventFds(int region) {
        called("ioEventFds");
        return region == Region.BAR0 ? List.copyOf(ioEventFds) : List.of();
    }

    @Override
    public void attach(@Nullable DmaPort newPort) {
        called("attach");
        port = newPort;
        note("attach");
    }

    @Override
    public void attach(@Nullable DmaPort newPort, ClientKind newKind) {
        kind = newKind;
        attach(newPort);
    }

    @Override
    public void detach() {
        called("detach");
        port = null;
        dropMapped();
        dropEventFds();
        note("detach");
    }

    @Override
    public void readRegion(int region, long offset, MemorySegment buffer, long at, int count) {
        called("readRegion");
        if (recording) {
            note("read %d 0x%x %d".formatted(region, offset, count));
        }
        var memory = memory(region, offset, count, false);
        MemorySegment.copy(memory, offset, buffer, at, count);
    }

    @Override
    public void writeRegion(int region, long offset, MemorySegment buffer, long at, int count) {
        called("writeRegion");
        if (recording) {
            note("write %d 0x%x %d".formatted(region, offset, count));
        }
        var memory = memory(region, offset, count, true);
        MemorySegment.copy(buffer, at, memory, offset, count);
    }

    private MemorySegment memory(int region, long offset, int count, boolean write) {
        var memory =
                switch (region) {
                    case Region.BAR0 -> bar0;
                    case Region.BAR1 -> write ? null : bar0;
                    case Region.CONFIG -> config;
                    default -> null;
                };
        if (memory == null || offset < 0 || count > memory.byteSize() - offset) {
            throw new VfioException(Errno.EINVAL, "no such bytes");
        }
        return memory;
    }

    @Override
    public void mapDma(long iova, long size, DmaAccess access, @Nullable Fd fd, long offset) {
        if (fd != null) {
            mapped.add(fd);
        }
        note(
                "map 0x%x 0x%x %s %s 0x%x"
                        .formatted(iova, size, access, fd == null ? "-" : identity(fd), offset));
        called("mapDma");
    }

    /** What a descriptor refers to, so that a test can tell two apart. */
    static String identity(Fd fd) {
        return "size " + FileStatus.of(fd).size();
    }

    @Override
    public void unmapDma(long iova, long size) {
        called("unmapDma");
        note("unmap 0x%x 0x%x".formatted(iova, size));
    }

    @Override
    public void unmapAllDma() {
        called("unmapAllDma");
        dropMapped();
        note("unmap all");
    }

    @Override
    public void setIrqs(int index, IrqAction action, int start, int count) {
        called("setIrqs");
        note("irqs %d %s %d %d".formatted(index, action, start, count));
    }

    @Override
    public void setIrqs(int index, IrqAction action, int start, boolean[] selected) {
        called("setIrqs");
        note("irqs %d %s %d %s".formatted(index, action, start, Arrays.toString(selected)));
    }

    @Override
    public void setIrqEventFds(int index, IrqAction action, int start, List<Fd> fds) {
        note("eventfds %d %s %d %d".formatted(index, action, start, fds.size()));
        dropEventFds();
        eventFds.addAll(fds);
        called("setIrqEventFds");
    }

    @Override
    public void clearIrqEventFds(int index, IrqAction action, int start, int count) {
        called("clearIrqEventFds");
        note("clear %d %s %d %d".formatted(index, action, start, count));
    }

    @Override
    public void disableIrqs(int index) {
        called("disableIrqs");
        note("disable %d".formatted(index));
    }

    @Override
    public void reset() {
        called("reset");
        note("reset");
    }

    @Override
    public int maxDmaMaps() {
        return maxDmaMaps;
    }

    @Override
    public @Nullable DirtyLog dirtyLog() {
        return dirtyLog;
    }

    @Override
    public @Nullable FakeMigration migration() {
        return migration;
    }

    @Override
    public void close() {
        closed = true;
        dropMapped();
        dropEventFds();
        ioEventFds.forEach(entry -> {
            var fd = entry.eventFd();
            if (fd != null) {
                fd.close();
            }
        });
        file.close();
        called("close");
    }

    void signalAll() {
        eventFds.forEach(EventFd::signal);
    }

    private void dropMapped() {
        mapped.forEach(Fd::close);
        mapped.clear();
    }

    private void dropEventFds() {
        eventFds.forEach(Fd::close);
        eventFds.clear();
    }
}
