package dev.muser.device.pci;

import dev.muser.device.ClientKind;
import dev.muser.device.IoEventFd;
import dev.muser.device.RegionInfo;
import java.lang.foreign.MemorySegment;
import java.util.List;

/** What answers for one region index: a BAR, the ROM or the configuration space. */
interface PciRegion {
    RegionInfo info();

    /** What it is for such a client. */
    default RegionInfo info(ClientKind kind) {
        return info();
    }

    /** Hot. The range has been checked against the size. */
    void read(long offset, MemorySegment buffer, long at, int count);

    /** Hot. The range has been checked against the size. */
    void write(long offset, MemorySegment buffer, long at, int count);

    /** Gives everything its reset value. */
    void reset();

    default List<IoEventFd> ioEventFds() {
        return List.of();
    }
}
