package dev.muser.client;

import dev.muser.device.DeviceInfo;
import dev.muser.device.DmaAccess;
import dev.muser.device.DmaPort;
import dev.muser.device.IoEventFd;
import dev.muser.device.IrqAction;
import dev.muser.device.IrqInfo;
import dev.muser.device.Migration;
import dev.muser.device.RegionInfo;
import dev.muser.device.VfioDevice;
import dev.muser.linux.Epoll;
import dev.muser.linux.Fd;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * A device that can move from one server to another while its driver uses it: the driver has this
 * one, and goes on with its queues, its memory and its interrupts.
 *
 * {@snippet :
 * var device = new MovableDevice(RemoteDevice.connect(from));
 * var driver = NvmeDriver.open(new PciFunction(device), NvmeDriverOptions.DEFAULTS);
 * // commands under way or not:
 * device.moveTo(RemoteDevice.connect(to));
 * }
 *
 * <p>It keeps what it has given to the device, to give it to the next: mappings, eventfds, what is
 * masked. A driver does not map its BARs, as that memory is a server's; all of its accesses are
 * messages.
 *
 * <p>Belongs to the driver's thread, as a {@link RemoteDevice}. It owns the devices.
 */
public final class MovableDevice implements VfioDevice, BackgroundWork {
    private record Mapping(
            long iova, long size, DmaAccess access, @Nullable Fd file, long offset) {}

    private record Slot(int index, IrqAction action, int vector) implements Comparable<Slot> {
        @Override
        public int compareTo(Slot other) {
            int byIndex = Integer.compare(index, other.index);
            int byAction = action.compareTo(other.action);
            return byIndex != 0
                    ? byIndex
                    : byAction != 0 ? byAction : Integer.compare(vector, other.vector);
        }
    }

    private final Map<Long, Mapping> mappings = new LinkedHashMap<>();
    private final Map<Slot, Fd> eventFds = new TreeMap<>();
    private final Map<Slot, Boolean> masked = new TreeMap<>();

    /** Stands for the sockets of whichever session there is. */
    private final Epoll sockets = new Epoll(4);

    private RemoteDevice current;
    private List<Fd> watched = List.of();
    private @Nullable DmaPort port;
    private boolean attached;

    /**
     * @param device where it is now; not attached
     */
    public MovableDevice(RemoteDevice device) {
        current = device;
    }

    /** A move that has begun, and what it can do while the driver goes on. */
    public final class Move {
        private final RemoteDevice target;
        private final DeviceMigration migration;

        private Move(RemoteDevice target, DeviceMigration migration) {
            this.target = target;
            this.migration = migration;
        }

        /** As {@link DeviceMigration#copyEarly}. */
        public long copyEarly() {
            try {
                return migration.copyEarly();
            } catch (MigrationException e) {
                target.close();
                throw e;
            }
        }

        /**
         * Stops the device, copies the rest, and goes on at the far side. The session with the
         * first server is closed.
         *
         * @throws MigrationException when it fails: the device runs on where it was
         */
        public DeviceMigration.Report finish() {
            DeviceMigration.Report report;
            try {
                give(target);
                report = migration.finish();
            } catch (RuntimeException e) {
                migration.cancel();
                target.close();
                throw e;
            }
            var left = current;
            unwatch();
            current = target;
            watch();
            left.close();
            return report;
        }

        /** Gives it up: the device runs on where it is. Idempotent. */
        public void cancel() {
            migration.cancel();
            target.close();
        }
    }

    /**
     * Begins to move to another server.
     *
     * @param target of the same kind, not attached; belongs to this from now on, also when this
     *     throws
     * @throws MigrationException when the two differ, or one does not migrate
     */
    public Move begin(RemoteDevice target) {
        return begin(target, true);
    }

    /**
     * As {@link #begin(RemoteDevice)}.
     *
     * @param early as for {@link DeviceMigration#begin(VfioDevice, VfioDevice, boolean)}
     */
    public Move begin(RemoteDevice target, boolean early) {
        try {
            target.attach(port);
            return new Move(target, DeviceMigration.begin(current, target, early));
        } catch (RuntimeException e) {
            target.close();
            throw e;
        }
    }

    /** Moves to another server, in one go: {@link #begin}, one early copy, {@link Move#finish}. */
    public DeviceMigration.Report moveTo(RemoteDevice target) {
        var move = begin(target);
        move.copyEarly();
        return move.finish();
    }

    private void give(RemoteDevice target) {
        for (var m : mappings.values()) {
            target.mapDma(
                    m.iova, m.size, m.access, m.file == null ? null : m.file.duplicate(), m.offset);
        }
        eventFds.forEach((slot, fd) ->
                target.setIrqEventFds(
                        slot.index, slot.action, slot.vector, List.of(fd.duplicate())));
        masked.forEach((slot, is) -> {
            if (is) {
                target.setIrqs(slot.index, IrqAction.MASK, slot.vector, 1);
            }
        });
    }

    private void watch() {
        watched = current.descriptors();
        for (var fd : watched) {
            sockets.add(fd, Epoll.IN, 0);
        }
    }

    private void unwatch() {
        for (var fd : watched) {
            if (fd.isOpen()) {
                sockets.remove(fd);
            }
        }
        watched = List.of();
    }

    @Override
    public List<Fd> descriptors() {
        return List.of(sockets.fd());
    }

    @Override
    public boolean serve() {
        return current.serve();
    }

    @Override
    public DeviceInfo info() {
        return current.info();
    }

    /** Says that nothing can be mapped. */
    @Override
    public RegionInfo regionInfo(int index) {
        var info = current.regionInfo(index);
        return info.size() == 0
                ? RegionInfo.ABSENT
                : RegionInfo.of(info.size(), info.readable(), info.writable());
    }

    @Override
    public IrqInfo irqInfo(int index) {
        return current.irqInfo(index);
    }

    /** None: they are a server's. */
    @Override
    public List<IoEventFd> ioEventFds(int region) {
        current.regionInfo(region);
        return List.of();
    }

    @Override
    public void attach(@Nullable DmaPort newPort) {
        current.attach(newPort);
        port = newPort;
        attached = true;
        watch();
    }

    @Override
    public void detach() {
        if (attached) {
            attached = false;
            unwatch();
            current.detach();
            forget();
        }
    }

    private void forget() {
        port = null;
        List.copyOf(mappings.keySet()).forEach(this::forgetMapping);
        eventFds.values().forEach(Fd::close);
        eventFds.clear();
        masked.clear();
    }

    private void forgetMapping(long iova) {
        var mapping = mappings.remove(iova);
        if (mapping != null && mapping.file != null) {
            mapping.file.close();
        }
    }

    @Override
    public void readRegion(int region, long offset, MemorySegment buffer, long at, int count) {
        current.readRegion(region, offset, buffer, at, count);
    }

    @Override
    public void writeRegion(int region, long offset, MemorySegment buffer, long at, int count) {
        current.writeRegion(region, offset, buffer, at, count);
    }

    @Override
    public void mapDma(long iova, long size, DmaAccess access, @Nullable Fd file, long offset) {
        var own = file == null ? null : file.duplicate();
        try {
            current.mapDma(iova, size, access, file, offset);
        } catch (RuntimeException e) {
            if (own != null) {
                own.close();
            }
            throw e;
        }
        forgetMapping(iova); // the same once more
        mappings.put(iova, new Mapping(iova, size, access, own, offset));
    }

    @Override
    public void unmapDma(long iova, long size) {
        current.unmapDma(iova, size);
        forgetMapping(iova);
    }

    @Override
    public void unmapAllDma() {
        current.unmapAllDma();
        List.copyOf(mappings.keySet()).forEach(this::forgetMapping);
    }

    @Override
    public void setIrqs(int index, IrqAction action, int start, int count) {
        current.setIrqs(index, action, start, count);
        for (int i = 0; i < count; i++) {
            note(index, action, start + i);
        }
    }

    @Override
    public void setIrqs(int index, IrqAction action, int start, boolean[] selected) {
        current.setIrqs(index, action, start, selected);
        for (int i = 0; i < selected.length; i++) {
            if (selected[i]) {
                note(index, action, start + i);
            }
        }
    }

    private void note(int index, IrqAction action, int vector) {
        if (action != IrqAction.TRIGGER) {
            masked.put(new Slot(index, IrqAction.MASK, vector), action == IrqAction.MASK);
        }
    }

    @Override
    public void setIrqEventFds(int index, IrqAction action, int start, List<Fd> fds) {
        var own = new ArrayList<Fd>();
        fds.forEach(fd -> own.add(fd.duplicate()));
        try {
            current.setIrqEventFds(index, action, start, fds);
        } catch (RuntimeException e) {
            own.forEach(Fd::close);
            throw e;
        }
        for (int i = 0; i < own.size(); i++) {
            replace(new Slot(index, action, start + i), own.get(i));
        }
    }

    private void replace(Slot slot, @Nullable Fd fd) {
        var old = fd == null ? eventFds.remove(slot) : eventFds.put(slot, fd);
        if (old != null) {
            old.close();
        }
    }

    @Override
    public void clearIrqEventFds(int index, IrqAction action, int start, int count) {
        current.clearIrqEventFds(index, action, start, count);
        for (int i = 0; i < count; i++) {
            replace(new Slot(index, action, start + i), null);
        }
    }

    @Override
    public void disableIrqs(int index) {
        current.disableIrqs(index);
        for (var slot : List.copyOf(eventFds.keySet())) {
            if (slot.index == index) {
                replace(slot, null);
            }
        }
        masked.keySet().removeIf(slot -> slot.index == index);
    }

    @Override
    public void reset() {
        current.reset();
        masked.clear();
    }

    @Override
    public int maxDmaMaps() {
        return current.maxDmaMaps();
    }

    @Override
    public @Nullable Migration migration() {
        return current.migration();
    }

    @Override
    public void close() {
        attached = false;
        unwatch();
        forget();
        current.close();
        sockets.close();
    }

    @Override
    public String toString() {
        return "movable " + current;
    }
}
