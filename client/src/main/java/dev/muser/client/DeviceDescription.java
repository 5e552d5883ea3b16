package dev.muser.client;

import dev.muser.device.DeviceInfo;
import dev.muser.device.IoEventFd;
import dev.muser.device.IrqInfo;
import dev.muser.device.RegionInfo;
import dev.muser.device.VfioException;
import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import dev.muser.protocol.Command;
import dev.muser.protocol.GetInfo;
import dev.muser.protocol.Header;
import dev.muser.protocol.RegionCapabilities;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What a server says its device is: asked once in a session, when it is first wanted. */
final class DeviceDescription implements AutoCloseable {
    /** PCI has 9 regions and 5 interrupt indexes; devices may add some of their own. */
    private static final int MAX_INDEXES = 256;

    /** MSI-X has 2048 vectors at most. */
    private static final int MAX_VECTORS = 1 << 16;

    /** Room for some 4,000 areas. */
    private static final int MAX_REGION_INFO = 64 << 10;

    private static final int PAGE = 4096;

    private final Connection connection;
    private final DeviceInfo info;
    private final @Nullable RegionInfo[] regions;
    private final @Nullable IrqInfo[] irqs;
    private final @Nullable IoEventFds[] ioEventFds;

    DeviceDescription(Connection connection) {
        this.connection = connection;
        info = askInfo();
        regions = new RegionInfo[info.regions()];
        irqs = new IrqInfo[info.irqs()];
        ioEventFds = new IoEventFds[info.regions()];
    }

    DeviceInfo info() {
        return info;
    }

    RegionInfo region(int index) {
        requireIndex("region", index, info.regions());
        var known = regions[index];
        if (known == null) {
            known = askRegion(index);
            regions[index] = known;
        }
        return known;
    }

    IrqInfo irq(int index) {
        requireIndex("interrupt index", index, info.irqs());
        var known = irqs[index];
        if (known == null) {
            known = askIrq(index);
            irqs[index] = known;
        }
        return known;
    }

    /** Their descriptors live as long as this. */
    List<IoEventFd> ioEventFds(int region) {
        requireIndex("region", region, info.regions());
        var known = ioEventFds[region];
        if (known == null) {
            known = IoEventFds.ask(connection, region);
            ioEventFds[region] = known;
        }
        return known.entries();
    }

    /** Whether this and {@code other} describe devices of the same shape. */
    boolean isLike(DeviceDescription other) {
        return info.equals(other.info);
    }

    @Override
    public void close() {
        for (var region : regions) {
            if (region != null && region.file() != null) {
                region.file().close();
            }
        }
        for (var fds : ioEventFds) {
            if (fds != null) {
                fds.close();
            }
        }
    }

    private static void requireIndex(String what, int index, int count) {
        if (index < 0 || index >= count) {
            throw new VfioException(
                    Errno.EINVAL, "%s %d of a device that has %d".formatted(what, index, count));
        }
    }

    private DeviceInfo askInfo() {
        int sent = GetInfo.encodeRequest(connection.request(GetInfo.SIZE), Header.SIZE);
        int length = connection.call(Command.DEVICE_GET_INFO, sent);
        var reply = new GetInfo().wrap(connection.reply(), connection.replyAt(), length);
        if (reply.validateReply(MAX_INDEXES, MAX_INDEXES) != 0) {
            throw connection.violated(
                    "DEVICE_GET_INFO reply of %d bytes: cut short, or more than %d indexes"
                            .formatted(length, MAX_INDEXES));
        }
        return new DeviceInfo(
                (reply.flags() & GetInfo.FLAG_RESET) != 0,
                (reply.flags() & GetInfo.FLAG_PCI) != 0,
                reply.regionCount(),
                reply.irqCount());
    }

    private IrqInfo askIrq(int index) {
        int sent =
                dev.muser.protocol.IrqInfo.encodeRequest(
                        connection.request(dev.muser.protocol.IrqInfo.SIZE), Header.SIZE, index);
        int length = connection.call(Command.DEVICE_GET_IRQ_INFO, sent);
        var reply =
                new dev.muser.protocol.IrqInfo()
                        .wrap(connection.reply(), connection.replyAt(), length);
        if (reply.validateReply(index, MAX_VECTORS) != 0) {
            throw connection.violated(
                    "DEVICE_GET_IRQ_INFO reply of %d bytes for index %d: cut short, of another"
                                    .formatted(length, index)
                            + " index, or more than "
                            + MAX_VECTORS
                            + " vectors");
        }
        int flags = reply.flags();
        return new IrqInfo(
                reply.count(),
                (flags & dev.muser.protocol.IrqInfo.FLAG_EVENTFD) != 0,
                (flags & dev.muser.protocol.IrqInfo.FLAG_MASKABLE) != 0,
                (flags & dev.muser.protocol.IrqInfo.FLAG_AUTOMASKED) != 0,
                (flags & dev.muser.protocol.IrqInfo.FLAG_NORESIZE) != 0);
    }

    /** The first answer has no room for mappable areas; where there are some, it is asked again. */
    private RegionInfo askRegion(int index) {
        var reply = askRegion(index, dev.muser.protocol.RegionInfo.SIZE);
        if (reply.isTruncated()) {
            connection.takeReplyDescriptors().forEach(Fd::close);
            long argsz = reply.argsz();
            if (argsz > MAX_REGION_INFO) {
                throw connection.violated(
                        "region %d is described in %d bytes, where at most %d are taken"
                                .formatted(index, argsz, MAX_REGION_INFO));
            }
            reply = askRegion(index, (int) argsz);
        }
        var descriptors = connection.takeReplyDescriptors();
        var file = descriptors.isEmpty() ? null : descriptors.getFirst();
        try {
            var region = read(reply, file);
            file = region.file() == null ? file : null; // kept
            return region;
        } finally {
            if (file != null) {
                file.close();
            }
        }
    }

    private dev.muser.protocol.RegionInfo askRegion(int index, int argsz) {
        int sent =
                dev.muser.protocol.RegionInfo.encodeRequest(
                        connection.request(dev.muser.protocol.RegionInfo.SIZE),
                        Header.SIZE,
                        argsz,
                        index);
        int length = connection.callForDescriptors(Command.DEVICE_GET_REGION_INFO, sent, List.of());
        var reply =
                new dev.muser.protocol.RegionInfo()
                        .wrap(connection.reply(), connection.replyAt(), length);
        if (reply.validateReply(index, argsz, connection.replyDescriptorCount()) != 0
                || reply.size() < 0
                || reply.mmapOffset() < 0) {
            throw connection.violated(
                    "DEVICE_GET_REGION_INFO reply of %d bytes for region %d: wrong length, index,"
                                    .formatted(length, index)
                            + " size, capabilities or number of descriptors");
        }
        return reply;
    }

    private RegionInfo read(dev.muser.protocol.RegionInfo reply, @Nullable Fd file) {
        boolean readable = (reply.flags() & dev.muser.protocol.RegionInfo.FLAG_READ) != 0;
        boolean writable = (reply.flags() & dev.muser.protocol.RegionInfo.FLAG_WRITE) != 0;
        long size = reply.size();
        if (size == 0) {
            return RegionInfo.ABSENT;
        }
        var areas = file == null ? List.<RegionInfo.Area>of() : areas(reply);
        return areas.isEmpty()
                ? RegionInfo.of(size, readable, writable)
                : new RegionInfo(size, readable, writable, file, reply.mmapOffset(), areas);
    }

    /** The mappable areas in order; without a list of them, the whole region is one. */
    private List<RegionInfo.Area> areas(dev.muser.protocol.RegionInfo reply) {
        var areas = new ArrayList<RegionInfo.Area>();
        boolean listed = false;
        var capabilities = new RegionCapabilities().of(reply);
        while (capabilities.next()) {
            if (capabilities.id() == RegionCapabilities.SPARSE_MMAP) {
                listed = true;
                for (int i = 0; i < capabilities.areaCount(); i++) {
                    areas.add(
                            new RegionInfo.Area(
                                    capabilities.areaOffset(i), capabilities.areaSize(i)));
                }
            }
        }
        if (!listed) {
            areas.add(new RegionInfo.Area(0, reply.size()));
        }
        areas.sort(Comparator.comparingLong(RegionInfo.Area::offset));
        for (int i = 1; i < areas.size(); i++) {
            var before = areas.get(i - 1);
            if (before.offset() + before.size() > areas.get(i).offset()) {
                throw connection.violated(
                        "mappable areas of region %d overlap: %s and %s"
                                .formatted(reply.index(), before, areas.get(i)));
            }
        }
        // What mmap could not map is reached by messages.
        areas.removeIf(area ->
                area.size() == 0
                        || area.offset() % PAGE != 0
                        || (area.offset() + reply.mmapOffset()) % PAGE != 0);
        return areas;
    }
}
