package dev.muser.server;

import dev.muser.device.IoEventFd;
import dev.muser.device.VfioDevice;
import dev.muser.linux.Fd;
import dev.muser.protocol.GetInfo;
import dev.muser.protocol.IrqInfo;
import dev.muser.protocol.RegionInfo;
import dev.muser.protocol.RegionInfoWriter;
import dev.muser.protocol.RegionIoFds;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** The requests that ask what the device is. */
final class Descriptions {
    /** The fixed part and the head of a sparse capability. */
    private static final int REGION_INFO_BASE = RegionInfo.SIZE + 16;

    private static final int AREA = 16;

    private final VfioDevice device;
    private final Replies replies;
    private final Limits limits;
    private final GetInfo info = new GetInfo();
    private final RegionInfo region = new RegionInfo();
    private final RegionInfoWriter writer = new RegionInfoWriter();
    private final RegionIoFds ioFds = new RegionIoFds();
    private final IrqInfo irq = new IrqInfo();

    Descriptions(VfioDevice device, Replies replies, Limits limits) {
        this.device = device;
        this.replies = replies;
        this.limits = limits;
    }

    void info(MemorySegment buffer, int start, int length) {
        int errno = info.wrap(buffer, start, length).validateRequest();
        if (errno != 0) {
            replies.error(errno);
            return;
        }
        var what = device.info();
        int flags =
                (what.resettable() ? GetInfo.FLAG_RESET : 0) | (what.pci() ? GetInfo.FLAG_PCI : 0);
        int at = replies.room(GetInfo.SIZE);
        replies.send(GetInfo.encodeReply(replies.memory(), at, flags, what.regions(), what.irqs()));
    }

    void region(MemorySegment buffer, int start, int length) {
        int errno = region.wrap(buffer, start, length).validateRequest(device.info().regions());
        if (errno != 0) {
            replies.error(errno);
            return;
        }
        var what = device.regionInfo(region.index());
        var file = what.file();
        boolean mappable = file != null && limits.clientDescriptors() > 0;
        int flags =
                (what.readable() ? RegionInfo.FLAG_READ : 0)
                        | (what.writable() ? RegionInfo.FLAG_WRITE : 0)
                        | (mappable ? RegionInfo.FLAG_MMAP : 0);
        int room = REGION_INFO_BASE + AREA * what.areas().size();
        int at = replies.room(room);
        writer.start(
                replies.memory(),
                at,
                room,
                region.argsz(),
                region.index(),
                flags,
                what.size(),
                what.offset());
        if (mappable) {
            writer.sparseMmap(what.areas().size());
            for (var area : what.areas()) {
                writer.area(area.offset(), area.size());
            }
        }
        int size = writer.finish();
        if (mappable && !writer.isTruncated()) {
            replies.send(size, List.of(file), List.of());
        } else {
            replies.send(size);
        }
    }

    void irq(MemorySegment buffer, int start, int length) {
        int errno = irq.wrap(buffer, start, length).validateRequest(device.info().irqs());
        if (errno != 0) {
            replies.error(errno);
            return;
        }
        var what = device.irqInfo(irq.index());
        int flags =
                (what.eventFd() ? IrqInfo.FLAG_EVENTFD : 0)
                        | (what.maskable() ? IrqInfo.FLAG_MASKABLE : 0)
                        | (what.autoMasked() ? IrqInfo.FLAG_AUTOMASKED : 0)
                        | (what.noResize() ? IrqInfo.FLAG_NORESIZE : 0);
        int at = replies.room(IrqInfo.SIZE);
        replies.send(IrqInfo.encodeReply(replies.memory(), at, flags, irq.index(), what.count()));
    }

    void ioFds(MemorySegment buffer, int start, int length) {
        int errno = ioFds.wrap(buffer, start, length).validateRequest(device.info().regions());
        if (errno != 0) {
            replies.error(errno);
            return;
        }
        var entries = device.ioEventFds(ioFds.index());
        int at = replies.room(RegionIoFds.SIZE + RegionIoFds.ENTRY * entries.size());
        int size =
                RegionIoFds.encodeReply(
                        replies.memory(), at, ioFds.argsz(), ioFds.index(), entries.size());
        if (size == RegionIoFds.SIZE) {
            replies.send(size);
            return;
        }
        // A client that takes fewer descriptors than there are has the other entries without.
        var unique = new ArrayList<Fd>();
        for (int i = 0; i < entries.size(); i++) {
            encode(at, i, entries.get(i), fdIndex(unique, entries.get(i)));
        }
        replies.send(size, List.copyOf(unique), List.of());
    }

    private int fdIndex(List<Fd> unique, IoEventFd entry) {
        var fd = entry.eventFd();
        if (fd == null) {
            return RegionIoFds.NO_FD;
        }
        int known = unique.indexOf(fd);
        if (known < 0 && unique.size() < limits.clientDescriptors()) {
            unique.add(fd);
            return unique.size() - 1;
        }
        return known < 0 ? RegionIoFds.NO_FD : known;
    }

    private void encode(int at, int i, IoEventFd entry, int fdIndex) {
        RegionIoFds.encodeEntry(
                replies.memory(),
                at,
                i,
                entry.offset(),
                entry.size(),
                fdIndex,
                RegionIoFds.TYPE_IOEVENTFD,
                entry.dataMatch().isPresent() ? RegionIoFds.FLAG_DATAMATCH : 0,
                0,
                0,
                entry.dataMatch().orElse(0));
    }
}
