package dev.muser.device.pci;

import dev.muser.device.ClientKind;
import dev.muser.device.DeviceInfo;
import dev.muser.device.DirtyLog;
import dev.muser.device.DmaAccess;
import dev.muser.device.DmaPort;
import dev.muser.device.EventLoop;
import dev.muser.device.IoEventFd;
import dev.muser.device.IrqAction;
import dev.muser.device.IrqInfo;
import dev.muser.device.Migration;
import dev.muser.device.MigrationState;
import dev.muser.device.Region;
import dev.muser.device.RegionInfo;
import dev.muser.device.ResetKind;
import dev.muser.device.VfioDevice;
import dev.muser.device.VfioException;
import dev.muser.device.state.DeviceHome;
import dev.muser.device.state.StateMismatchException;
import dev.muser.device.state.StateSegment;
import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import dev.muser.service.DescriptorStore;
import dev.muser.service.Predecessor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A PCI device that its author has written as a {@link Device}, as VFIO sees it. */
public final class PciDevice implements VfioDevice {
    private final DeviceContext context;
    private final Device device;
    private final DeviceInfo info;
    private final ConfigSpace config;
    private final Interrupts interrupts;
    private final GuestMemory memory;
    private final PciMigration migration;
    private final PciRegions regions;
    private @Nullable Predecessor predecessor;
    private boolean attached;
    private boolean closed;

    private PciDevice(DeviceFactory factory, EventLoop loop, DescriptorStore store) {
        context = new DeviceContext(loop, store);
        device = construct(factory, context);
        info = context.info();
        config = context.config();
        interrupts = context.interrupts();
        memory = context.memory();
        migration = migration(context, device);
        regions = new PciRegions(context.regions());
        memory.listener(
                new GuestMemory.Listener() {
                    @Override
                    public void mapped(long iova, long size, DmaAccess access) {
                        device.dmaMapped(iova, size, access);
                    }

                    @Override
                    public void unmapping(long iova, long size) {
                        device.dmaUnmapped(iova, size);
                    }

                    @Override
                    public void addressed() {
                        context.addressed().set(1);
                    }
                });
    }

    private PciMigration migration(DeviceContext from, Device of) {
        var own = from.migration();
        var stream =
                own != null ? own : new StateStream(new MovedDevice(from, of, this::resetRegions));
        return new PciMigration(stream, new StandingStill(from, of), from.state());
    }

    private static Device construct(DeviceFactory factory, DeviceContext context) {
        Device made = null;
        try {
            made = factory.create(context);
            context.seal();
            return made;
        } catch (RuntimeException | Error e) {
            if (made != null) {
                made.close();
            }
            context.close();
            throw e;
        }
    }

    /** Makes a device and switches it on; its state is in memory of this process. */
    public static PciDevice create(DeviceFactory factory, EventLoop loop) {
        return create(factory, loop, null);
    }

    /**
     * Makes a device that outlives its process: switches it on, or goes on from what a process
     * before this one left.
     *
     * @param home where it lives; the caller closes it after the device. Null as in {@link
     *     #create(DeviceFactory, EventLoop)}
     * @throws StateMismatchException when this build cannot go on from what is there
     * @throws IllegalArgumentException when it is to have no journal, and needs one
     */
    public static PciDevice create(
            DeviceFactory factory, EventLoop loop, @Nullable DeviceHome home) {
        var made = new PciDevice(factory, loop, home == null ? DescriptorStore.NONE : home.store());
        try {
            made.start(home);
            made.context.barMemory().on();
        } catch (RuntimeException | Error e) {
            made.close();
            throw e;
        }
        return made;
    }

    /**
     * Checks whether this build could go on from what a process that still runs has there.
     *
     * @throws StateMismatchException when it cannot; the message names the field
     */
    public static void check(DeviceFactory factory, EventLoop loop, StateSegment segment) {
        var made = new PciDevice(factory, loop, DescriptorStore.NONE);
        try {
            var stored = segment.area(DeviceState.AREA);
            if (stored != null) {
                made.context.state().layout().check(stored.memory());
            }
        } finally {
            made.device.close();
            made.context.close();
        }
    }

    private void start(@Nullable DeviceHome home) {
        var state = context.state();
        if (home == null) {
            state.bind(Arena.ofAuto().allocate(state.layout().size(), 64));
            powerOn();
            return;
        }
        if (!home.journal() && !context.isRepeatable()) {
            throw new IllegalArgumentException(
                    "without a journal an access may be carried out twice, which this device does"
                            + " not allow");
        }
        predecessor = home.predecessor();
        if (state.bind(home, this::powerOn)) {
            interrupts.hold();
            migration.restored();
        }
        memory.log().bind(home);
    }

    private void powerOn() {
        resetRegions();
        migration.start();
        device.powerOn();
    }

    /** As a process before this one left it. */
    @Override
    public void restored() {
        if (predecessor != null && context.addressed().get() != 0) {
            // the system may still write for it to the client's memory
            predecessor.awaitEnd();
        }
        interrupts.restored();
        device.restored();
    }

    @Override
    public DeviceInfo info() {
        return info;
    }

    @Override
    public RegionInfo regionInfo(int index) {
        return regions.info(index);
    }

    /**
     * Returns the registers of a BAR and what they hold now, by ascending offset, without side
     * effects; none for what is no BAR of the device.
     *
     * @param region 0 to 5
     */
    public List<RegisterSnapshot> registers(int region) {
        return regions.registers(region);
    }

    /**
     * Returns what the device is, by name: the fields of its state, and the memory of its BARs.
     * Read-only, for the device's thread, until it is closed; the bytes change as the device does.
     */
    public Map<String, MemorySegment> contents() {
        return context.contents();
    }

    @Override
    public IrqInfo irqInfo(int index) {
        return interrupts.index(index).info();
    }

    @Override
    public List<IoEventFd> ioEventFds(int region) {
        return regions.require(region).ioEventFds();
    }

    @Override
    public void attach(@Nullable DmaPort port) {
        attach(port, ClientKind.UNKNOWN);
    }

    @Override
    public void attach(@Nullable DmaPort port, ClientKind kind) {
        if (attached) {
            throw new IllegalStateException("a client is attached already");
        }
        attached = true;
        regions.describe(kind);
        memory.attach(port);
        device.attached(kind);
    }

    @Override
    public void detach() {
        if (!attached) {
            memory.log().stop(); // of a session that a process before this one had
            return;
        }
        attached = false;
        try {
            memory.detach();
        } finally {
            try {
                migration.abandon(); // before the reset: nothing of what was coming in is left
            } finally {
                interrupts.detach();
                if (context.resetsOnLostClient()) {
                    resetRegions();
                }
                device.reset(ResetKind.LOST_CLIENT);
            }
        }
    }

    @Override
    public void readRegion(int region, long offset, MemorySegment buffer, long at, int count) {
        var r = regions.require(region);
        requireRange(region, offset, count);
        if (!regions.info(region).readable()) {
            throw new VfioException(Errno.EINVAL, "region " + region + " cannot be read");
        }
        r.read(offset, buffer, at, count);
    }

    @Override
    public void writeRegion(int region, long offset, MemorySegment buffer, long at, int count) {
        var r = regions.require(region);
        requireRange(region, offset, count);
        if (!regions.info(region).writable()) {
            throw new VfioException(Errno.EINVAL, "region " + region + " cannot be written");
        }
        r.write(offset, buffer, at, count);
        if (region == Region.CONFIG) {
            if (config.takeResetRequest()) {
                reset(ResetKind.FUNCTION_LEVEL);
            }
            interrupts.update();
        }
    }

    private void requireRange(int region, long offset, int count) {
        regions.requireRange(region, offset, count);
        if (migration.state() == MigrationState.STOP_COPY) {
            throw new VfioException(
                    Errno.EINVAL, "region %d is not there in STOP_COPY".formatted(region));
        }
    }

    @Override
    public void mapDma(long iova, long size, DmaAccess access, @Nullable Fd file, long offset) {
        memory.map(iova, size, access, file, offset);
    }

    @Override
    public void unmapDma(long iova, long size) {
        memory.unmap(iova, size);
    }

    @Override
    public void unmapAllDma() {
        memory.unmapAll();
    }

    @Override
    public void setIrqs(int index, IrqAction action, int start, int count) {
        var irqs = interrupts.index(index);
        irqs.require(action, start, count);
        for (int i = 0; i < count; i++) {
            irqs.act(action, start + i);
        }
    }

    @Override
    public void setIrqs(int index, IrqAction action, int start, boolean[] selected) {
        var irqs = interrupts.index(index);
        irqs.require(action, start, selected.length);
        for (int i = 0; i < selected.length; i++) {
            if (selected[i]) {
                irqs.act(action, start + i);
            }
        }
    }

    @Override
    public void setIrqEventFds(int index, IrqAction action, int start, List<Fd> eventFds) {
        IrqIndex irqs;
        try {
            irqs = interrupts.index(index);
        } catch (VfioException e) {
            eventFds.forEach(Fd::close);
            throw e;
        }
        irqs.install(action, start, eventFds);
        interrupts.installed();
    }

    @Override
    public void clearIrqEventFds(int index, IrqAction action, int start, int count) {
        interrupts.index(index).remove(action, start, count);
        interrupts.installed();
    }

    @Override
    public void disableIrqs(int index) {
        var irqs = interrupts.index(index);
        irqs.requirePresent();
        irqs.disable();
        interrupts.installed();
    }

    @Override
    public void reset() {
        if (!info.resettable()) {
            throw new VfioException(Errno.EINVAL, "the device cannot be reset");
        }
        reset(ResetKind.DEVICE);
    }

    private void reset(ResetKind kind) {
        migration.abandon();
        resetRegions();
        device.reset(kind);
        memory.cancelMessages(); // of before, which must not be written after
    }

    private void resetRegions() {
        regions.reset();
        interrupts.reset();
    }

    @Override
    public int maxDmaMaps() {
        return memory.maxMappings();
    }

    @Override
    public DirtyLog dirtyLog() {
        return memory.log();
    }

    @Override
    public Migration migration() {
        return migration;
    }

    /** Whether its author writes the stream of its migration; else that is made from its state. */
    public boolean hasOwnStream() {
        return migration.isOwn();
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        detach();
        memory.unmapAll();
        memory.log().leave();
        device.close();
        context.close();
    }

    /**
     * Releases what this process holds of a device that lives on elsewhere, and leaves the device
     * itself as it is: nothing is reset, nothing stored, no method of its author's is called. For a
     * process that is not to end with it, such as a test's; it has no use afterwards.
     */
    public void abandon() {
        if (closed) {
            return;
        }
        closed = true;
        attached = false;
        interrupts.abandon();
        memory.abandon();
        context.close();
    }
}
