package dev.muser.client.nvme;

import static dev.muser.client.nvme.LittleEndian.SHARED_U32;
import static dev.muser.client.nvme.LittleEndian.U32;
import static dev.muser.client.nvme.LittleEndian.U64;

import dev.muser.client.BackgroundWork;
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
import dev.muser.linux.Mapping;
import dev.muser.linux.MemoryFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * As much of an NVMe controller as a driver needs to see, trusting the driver in everything. Its
 * doorbells are messages, or memory that it looks at when it is served, or by a thread.
 */
final class FakeController implements VfioDevice, BackgroundWork {
    enum Way {
        MESSAGES,
        SERVED,
        THREAD
    }

    private static final long BAR_SIZE = 0x4000;

    final FakeMemory memory = new FakeMemory();
    final FakeQueues queues;
    final MemorySegment registers = Arena.ofAuto().allocate(0x1000, 8);

    /** What was written to BAR 0, as offset and value, but for memory. */
    final List<String> writes = new ArrayList<>();

    private final Way way;
    private final int vectors;
    private final MemorySegment config = Arena.ofAuto().allocate(256, 8);
    private final @Nullable Fd file;
    private final @Nullable Mapping mapping;
    private final @Nullable Fd[] eventFds;
    private final Object lock = new Object();
    private boolean masked;
    private boolean pending;
    private volatile boolean waiting;
    private volatile boolean running;
    private @Nullable Thread thread;

    /**
     * Makes one.
     *
     * @param vectors of MSI-X; 0: it has INTx, whose delivery masks it
     */
    FakeController(Way way, int vectors) {
        this.way = way;
        this.vectors = vectors;
        eventFds = new Fd[Math.max(1, vectors)];
        config.set(U32, 0, 0x00101b36);
        config.set(U32, 8, 0x01080202);
        // CAP: 256 entries, contiguous, 2 s, NVM command set, 4 KiB pages
        registers.set(U64, 0, 255L | (1L << 16) | (4L << 24) | (1L << 37));
        registers.set(U32, 8, 0x00010400);
        boolean mapped = way != Way.MESSAGES;
        file = mapped ? MemoryFile.create("fake-doorbells", BAR_SIZE) : null;
        if (file != null) {
            MemoryFile.seal(file, MemoryFile.SEAL_SHRINK | MemoryFile.SEAL_GROW);
        }
        mapping =
                file == null
                        ? null
                        : Mapping.shared(file, 0x1000, 0x1000, Mapping.Access.READ_WRITE);
        var doorbells = mapping == null ? Arena.ofAuto().allocate(0x1000, 8) : mapping.segment();
        queues = new FakeQueues(this, doorbells);
    }

    /** Lets a thread serve the doorbells until this is closed; {@code prepare} runs on it first. */
    FakeController start(Runnable prepare) {
        running = true;
        var created =
                new Thread(() -> {
                    prepare.run();
                    while (running) {
                        synchronized (lock) {
                            for (int i = 0; i < 10_000 && !waiting; i++) {
                                if (!queues.run()) {
                                    Thread.onSpinWait();
                                }
                            }
                        }
                        while (waiting) {
                            Thread.onSpinWait();
                        }
                    }
                });
        created.setDaemon(true);
        created.start();
        thread = created;
        return this;
    }

    int cc() {
        return registers.get(U32, 0x14);
    }

    int csts() {
        return registers.get(U32, 0x1c);
    }

    void csts(int value) {
        registers.set(U32, 0x1c, value);
    }

    void interrupt(int vector) {
        if (vectors == 0) {
            pending = masked;
            if (masked) {
                return;
            }
            masked = true;
        }
        var eventFd = eventFds[vectors == 0 ? 0 : vector];
        if (eventFd != null) {
            EventFd.signal(eventFd);
        }
    }

    private void exclusively(Runnable task) {
        waiting = true;
        synchronized (lock) {
            waiting = false;
            task.run();
        }
    }

    @Override
    public DeviceInfo info() {
        return new DeviceInfo(true, true, Region.COUNT, Irq.COUNT);
    }

    @Override
    public RegionInfo regionInfo(int index) {
        return switch (index) {
            case Region.BAR0 ->
                    file == null
                            ? RegionInfo.of(BAR_SIZE, true, true)
                            : new RegionInfo(
                                    BAR_SIZE,
                                    true,
                                    true,
                                    file,
                                    0,
                                    List.of(new RegionInfo.Area(0x1000, 0x1000)));
            case Region.CONFIG -> RegionInfo.of(256, true, true);
            default -> RegionInfo.ABSENT;
        };
    }

    @Override
    public IrqInfo irqInfo(int index) {
        return switch (index) {
            case Irq.MSIX -> new IrqInfo(vectors, true, false, false, false);
            case Irq.INTX -> new IrqInfo(vectors == 0 ? 1 : 0, true, true, true, false);
            default -> new IrqInfo(0, true, false, false, false);
        };
    }

    @Override
    public void readRegion(int region, long offset, MemorySegment buffer, long at, int count) {
        var from = region == Region.CONFIG ? config : registers;
        exclusively(() -> MemorySegment.copy(from, offset, buffer, at, count));
    }

    @Override
    public void writeRegion(int region, long offset, MemorySegment buffer, long at, int count) {
        if (region == Region.CONFIG) {
            MemorySegment.copy(buffer, at, config, offset, count);
            return;
        }
        exclusively(() -> {
            if (offset >= 0x1000) {
                int value = buffer.get(U32, at);
                writes.add("0x%x=%d".formatted(offset, value));
                SHARED_U32.setRelease(queues.doorbells, offset - 0x1000, value);
                queues.run();
                return;
            }
            MemorySegment.copy(buffer, at, registers, offset, count);
            if (offset == 0x14) {
                configure(buffer.get(U32, at));
            }
        });
    }

    private void configure(int cc) {
        int status = 0;
        if ((cc & 1) != 0) {
            if ((csts() & 1) == 0) {
                queues.enable();
            }
            status = 1;
        } else {
            queues.disable();
        }
        if ((cc & ControllerRegisters.CC_SHUTDOWN) != 0) {
            status |= ControllerRegisters.CSTS_SHUTDOWN_DONE;
        }
        csts(status);
    }

    @Override
    public boolean serve() {
        if (way == Way.SERVED) {
            queues.run();
        }
        return false;
    }

    @Override
    public List<Fd> descriptors() {
        return List.of();
    }

    @Override
    public void mapDma(long iova, long size, DmaAccess access, @Nullable Fd memfd, long offset) {
        if (memfd == null) {
            throw new VfioException(Errno.EINVAL, "this fake needs descriptors");
        }
        exclusively(() -> memory.map(iova, size, memfd, offset));
    }

    @Override
    public void unmapDma(long iova, long size) {
        exclusively(() -> memory.unmap(iova));
    }

    @Override
    public void unmapAllDma() {
        exclusively(memory::clear);
    }

    @Override
    public void setIrqEventFds(int index, IrqAction action, int start, List<Fd> fds) {
        for (int i = 0; i < fds.size(); i++) {
            clearIrqEventFds(index, action, start + i, 1);
            eventFds[start + i] = fds.get(i);
        }
    }

    @Override
    public void clearIrqEventFds(int index, IrqAction action, int start, int count) {
        for (int i = start; i < start + count; i++) {
            var eventFd = eventFds[i];
            if (eventFd != null) {
                eventFd.close();
                eventFds[i] = null;
            }
        }
    }

    @Override
    public void setIrqs(int index, IrqAction action, int start, int count) {
        writes.add(action.toString());
        masked = action == IrqAction.MASK;
        if (pending) {
            interrupt(start);
        }
    }

    @Override
    public void setIrqs(int index, IrqAction action, int start, boolean[] selected) {
        throw new VfioException(Errno.EINVAL, "not here");
    }

    @Override
    public void disableIrqs(int index) {
        clearIrqEventFds(index, IrqAction.TRIGGER, 0, eventFds.length);
    }

    @Override
    public void attach(@Nullable DmaPort port) {}

    @Override
    public void detach() {
        exclusively(() -> {
            queues.disable();
            memory.clear();
        });
        disableIrqs(0);
    }

    @Override
    public List<IoEventFd> ioEventFds(int region) {
        return List.of();
    }

    @Override
    public void reset() {
        exclusively(() -> configure(0));
    }

    @Override
    public @Nullable Migration migration() {
        return null;
    }

    @Override
    public void close() {
        running = false;
        if (thread != null) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
        }
        if (mapping != null) {
            mapping.close();
        }
        if (file != null) {
            file.close();
        }
    }
}
