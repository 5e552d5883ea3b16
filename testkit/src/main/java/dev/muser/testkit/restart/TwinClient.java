package dev.muser.testkit.restart;

import dev.muser.device.ClientKind;
import dev.muser.device.Irq;
import dev.muser.device.IrqAction;
import dev.muser.device.Region;
import dev.muser.device.VfioDevice;
import dev.muser.device.VfioException;
import dev.muser.device.pci.PciDevice;
import dev.muser.linux.EventFd;
import dev.muser.linux.Fd;
import dev.muser.linux.FileStatus;
import dev.muser.linux.Mapping;
import dev.muser.linux.MemoryFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The client of one of the devices: what it has and holds, which no death of the device's process
 * takes from it.
 */
final class TwinClient implements AutoCloseable {
    /** An interrupt, and what one of its eventfds is for. */
    record Signal(int index, IrqAction action, int vector) implements Comparable<Signal> {
        private static final Comparator<Signal> ORDER =
                Comparator.comparingInt(Signal::index)
                        .thenComparing(Signal::action)
                        .thenComparingInt(Signal::vector);

        @Override
        public int compareTo(Signal other) {
            return ORDER.compare(this, other);
        }
    }

    /** Where a device's state has what is masked, by interrupt index. */
    private static final List<String> MASKED =
            List.of("pci.intx.masked", "pci.msi.masked", "pci.msix.masked");

    /** The memory behind what a client maps of a region. */
    private record RegionFile(Fd fd, FileStatus status) {}

    private final long memoryAt;
    private final ClientKind kind;
    private final Fd file;
    private final Mapping mapping;
    private final MessagePort port;
    private final Map<Signal, Fd> eventFds = new TreeMap<>();
    private final Set<Signal> installed = new TreeSet<>();
    private final Map<Long, Request.MapDma> mapped = new LinkedHashMap<>();
    private final List<List<@Nullable Fd>> ioEventFds = new ArrayList<>();
    private final List<@Nullable RegionFile> regionFiles = new ArrayList<>();
    private boolean attached;

    TwinClient(long memoryAt, long memorySize, ClientKind kind, Random content) {
        this.memoryAt = memoryAt;
        this.kind = kind;
        file = MemoryFile.create("muser-check", memorySize);
        MemoryFile.seal(file, MemoryFile.SEAL_SHRINK);
        mapping = Mapping.confined(file, 0, memorySize, Mapping.Access.READ_WRITE);
        port = new MessagePort(mapping.segment(), memoryAt);
        var bytes = new byte[(int) memorySize];
        content.nextBytes(bytes);
        mapping.segment().copyFrom(MemorySegment.ofArray(bytes));
    }

    MemorySegment memory() {
        return mapping.segment();
    }

    MessagePort port() {
        return port;
    }

    List<Request.MapDma> mappings() {
        return List.copyOf(mapped.values());
    }

    /** Holds on to what the device gives out; a later process must give the same. */
    void meet(VfioDevice device) {
        if (!regionFiles.isEmpty()) {
            return;
        }
        for (int region = 0; region < Region.COUNT; region++) {
            var regionFile = device.regionInfo(region).file();
            regionFiles.add(
                    regionFile == null
                            ? null
                            : new RegionFile(regionFile.duplicate(), FileStatus.of(regionFile)));
            var fds = new ArrayList<@Nullable Fd>();
            for (var ioEventFd : ioEventFds(device, region)) {
                fds.add(ioEventFd == null ? null : ioEventFd.duplicate());
            }
            ioEventFds.add(fds);
        }
    }

    /** Uses what another device gives out from now on. */
    void moved(VfioDevice device) {
        forgetRegions();
        meet(device);
    }

    /** Returns which of its interrupts are masked, which only it knows where a device migrates. */
    List<Signal> masked(PciDevice device) {
        var masked = new ArrayList<Signal>();
        for (int index : new int[] {Irq.INTX, Irq.MSI, Irq.MSIX}) {
            var bits = device.contents().get(MASKED.get(index));
            for (int i = 0; bits != null && i < 8 * bits.byteSize(); i++) {
                if ((bits.get(ValueLayout.JAVA_BYTE, i / 8) >>> i % 8 & 1) != 0) {
                    masked.add(new Signal(index, IrqAction.MASK, i));
                }
            }
        }
        return masked;
    }

    void mask(VfioDevice device, List<Signal> masked) {
        for (var signal : masked) {
            device.setIrqs(signal.index(), IrqAction.MASK, signal.vector(), 1);
        }
    }

    private static List<@Nullable Fd> ioEventFds(VfioDevice device, int region) {
        var fds = new ArrayList<@Nullable Fd>();
        try {
            device.ioEventFds(region).forEach(entry -> fds.add(entry.eventFd()));
        } catch (VfioException e) {
            // no such region
        }
        return fds;
    }

    /** Returns what it holds that is no longer the device's; empty when all is well. */
    List<String> strangers(VfioDevice device) {
        var found = new ArrayList<String>();
        for (int region = 0; region < Region.COUNT; region++) {
            var held = regionFiles.get(region);
            var now = device.regionInfo(region).file();
            if (held != null
                    && (now == null || FileStatus.of(now).inode() != held.status.inode())) {
                found.add(
                        "what clients have mapped of BAR%d is not its memory any more"
                                .formatted(region));
            }
            var before = ioEventFds.get(region);
            var after = ioEventFds(device, region);
            for (int i = 0; i < before.size(); i++) {
                var a = before.get(i);
                var b = i < after.size() ? after.get(i) : null;
                if (a != null && (b == null || EventFd.id(a) != EventFd.id(b))) {
                    found.add(
                            ("ioeventfd %d of BAR%d is another one than clients have: get it by"
                                            + " DeviceContext.eventFd")
                                    .formatted(i, region));
                }
            }
        }
        return found;
    }

    /** Its session begins, with the device that is there or with one that takes over. */
    void attach(VfioDevice device) {
        device.attach(port, kind);
    }

    /** Builds its session up again, if it has one. */
    void attachAgain(VfioDevice device) {
        if (!attached) {
            return;
        }
        attach(device);
        for (var signal : installed) {
            device.setIrqEventFds(
                    signal.index(),
                    signal.action(),
                    signal.vector(),
                    List.of(eventFd(signal).duplicate()));
        }
        mapped.values().forEach(request -> map(device, request));
    }

    void attached(boolean is) {
        attached = is;
        if (!is) {
            installed.clear();
            mapped.clear();
        }
    }

    void map(VfioDevice device, Request.MapDma request) {
        if (request.shared()) {
            device.mapDma(
                    request.iova(),
                    request.size(),
                    request.access(),
                    file.duplicate(),
                    request.iova() - memoryAt);
        } else {
            device.mapDma(request.iova(), request.size(), request.access(), null, 0);
        }
    }

    void install(VfioDevice device, Request.InstallEventFds request) {
        var fds = new ArrayList<Fd>();
        for (int i = 0; i < request.count(); i++) {
            var signal = new Signal(request.index(), request.action(), request.start() + i);
            fds.add(eventFd(signal).duplicate());
        }
        device.setIrqEventFds(request.index(), request.action(), request.start(), fds);
    }

    private Fd eventFd(Signal signal) {
        return eventFds.computeIfAbsent(signal, s -> EventFd.create());
    }

    void signal(Signal signal) {
        if (installed.contains(signal)) {
            EventFd.signal(eventFd(signal));
        }
    }

    void signalIoEventFd(int region, int number) {
        var fds = ioEventFds.get(region);
        var fd = number < fds.size() ? fds.get(number) : null;
        if (fd != null) {
            EventFd.signal(fd);
        }
    }

    void store(Request.Store request) {
        memory().asSlice(request.iova() - memoryAt).copyFrom(request.bytes());
    }

    void storeMapped(VfioDevice device, Request.StoreMapped request) {
        var regionFile = regionFiles.get(request.region());
        var info = device.regionInfo(request.region());
        long end = request.offset() + request.bytes().byteSize();
        for (var area : info.areas()) {
            if (regionFile != null
                    && request.offset() >= area.offset()
                    && end <= area.offset() + area.size()) {
                try (var arena = Arena.ofConfined()) {
                    int count = (int) request.bytes().byteSize();
                    var bytes = arena.allocate(count).copyFrom(request.bytes());
                    regionFile.fd.writeAt(info.offset() + request.offset(), bytes, 0, count);
                }
            }
        }
    }

    /** Takes note of a request that has been handled. */
    void handled(Request request) {
        switch (request) {
            case Request.MapDma map -> mapped.putIfAbsent(map.iova(), map);
            case Request.UnmapDma unmap -> mapped.remove(unmap.iova());
            case Request.UnmapAllDma _ -> mapped.clear();
            case Request.InstallEventFds i -> {
                for (int n = 0; n < i.count(); n++) {
                    installed.add(new Signal(i.index(), i.action(), i.start() + n));
                }
            }
            case Request.RemoveEventFds r -> {
                for (int n = 0; n < r.count(); n++) {
                    installed.remove(new Signal(r.index(), r.action(), r.start() + n));
                }
            }
            case Request.DisableIrqs d -> installed.removeIf(s -> s.index() == d.index());
            default -> {}
        }
    }

    /** Returns for which interrupts it was signalled since the last call. */
    Set<Signal> takeSignalled() {
        var signalled = new TreeSet<Signal>();
        eventFds.forEach((signal, fd) -> {
            if (signal.action() == IrqAction.TRIGGER && EventFd.take(fd) > 0) {
                signalled.add(signal);
            }
        });
        return signalled;
    }

    @Override
    public void close() {
        mapping.close();
        file.close();
        eventFds.values().forEach(Fd::close);
        forgetRegions();
    }

    private void forgetRegions() {
        for (var fds : ioEventFds) {
            for (var fd : fds) {
                if (fd != null) {
                    fd.close();
                }
            }
        }
        for (var regionFile : regionFiles) {
            if (regionFile != null) {
                regionFile.fd.close();
            }
        }
        ioEventFds.clear();
        regionFiles.clear();
    }
}
