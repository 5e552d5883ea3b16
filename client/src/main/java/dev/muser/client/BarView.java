package dev.muser.client;

import dev.muser.device.RegionInfo;
import dev.muser.device.VfioDevice;
import dev.muser.device.VfioException;
import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import dev.muser.linux.FileStatus;
import dev.muser.linux.Mapping;
import dev.muser.linux.MemoryFault;
import dev.muser.linux.MemoryFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A region's registers, little-endian as PCI's are. Where the device lets the region be mapped,
 * naturally aligned accesses go straight to memory: loads acquire, stores release, so that what a
 * doorbell announces is visible before it. All others go by {@link VfioDevice#readRegion} and
 * {@link VfioDevice#writeRegion}.
 *
 * <p>Hot: register accesses allocate nothing. Belongs to the driver's thread.
 */
public final class BarView implements AutoCloseable {
    private static final ValueLayout.OfShort U16 =
            ValueLayout.JAVA_SHORT.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt U32 =
            ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong U64 =
            ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle SHORTS = U16.varHandle();
    private static final VarHandle INTS = U32.varHandle();
    private static final VarHandle LONGS = U64.varHandle();

    private final VfioDevice device;
    private final int region;
    private final long size;
    private final boolean readable;
    private final boolean writable;
    private final Area[] areas;
    private final MemorySegment scratch = Arena.ofAuto().allocate(8, 8);

    /**
     * A mapped part of the region.
     *
     * @param fenced whether the other side could cut the memory, so that an access may fault
     */
    private record Area(
            long start, long end, Mapping mapping, MemorySegment memory, boolean fenced) {}

    /**
     * Looks at region {@code region} and maps what can be mapped.
     *
     * @throws VfioException ENODEV when the device does not have it
     */
    BarView(VfioDevice device, int region) {
        var info = device.regionInfo(region);
        if (info.size() == 0) {
            throw new VfioException(
                    Errno.ENODEV, "BAR %d, which this device does not have".formatted(region));
        }
        this.device = device;
        this.region = region;
        size = info.size();
        readable = info.readable();
        writable = info.writable();
        areas = mapAll(info).toArray(Area[]::new);
    }

    private List<Area> mapAll(RegionInfo info) {
        var mapped = new ArrayList<Area>();
        var file = info.file();
        try {
            if (file != null) {
                for (var area : info.areas()) {
                    mapped.add(map(info, file, area));
                }
            }
            return mapped;
        } catch (RuntimeException e) {
            mapped.forEach(area -> area.mapping.close());
            throw e;
        }
    }

    /** Returns the size in bytes. */
    public long size() {
        return size;
    }

    /** Whether accesses at {@code offset} go straight to memory, when naturally aligned. */
    public boolean isMapped(long offset) {
        return find(offset, 1, true) != null;
    }

    /** Returns the byte at {@code offset}, 0 to 255. */
    public int read8(long offset) {
        var area = find(offset, 1, readable);
        if (area == null) {
            device.readRegion(region, offset, scratch, 0, 1);
            return Byte.toUnsignedInt(scratch.get(ValueLayout.JAVA_BYTE, 0));
        }
        try {
            int value =
                    Byte.toUnsignedInt(area.memory.get(ValueLayout.JAVA_BYTE, offset - area.start));
            fence(area);
            return value;
        } catch (InternalError e) {
            throw cut(e);
        }
    }

    /** Returns the 16 bits at {@code offset}, 0 to 65535. */
    public int read16(long offset) {
        var area = find(offset, 2, readable);
        if (area == null) {
            device.readRegion(region, offset, scratch, 0, 2);
            return Short.toUnsignedInt(scratch.get(U16, 0));
        }
        try {
            short value = (short) SHORTS.getAcquire(area.memory, offset - area.start);
            fence(area);
            return Short.toUnsignedInt(value);
        } catch (InternalError e) {
            throw cut(e);
        }
    }

    /** Returns the 32 bits at {@code offset}. */
    public int read32(long offset) {
        var area = find(offset, 4, readable);
        if (area == null) {
            device.readRegion(region, offset, scratch, 0, 4);
            return scratch.get(U32, 0);
        }
        try {
            int value = (int) INTS.getAcquire(area.memory, offset - area.start);
            fence(area);
            return value;
        } catch (InternalError e) {
            throw cut(e);
        }
    }

    /** Returns the 64 bits at {@code offset}. */
    public long read64(long offset) {
        var area = find(offset, 8, readable);
        if (area == null) {
            device.readRegion(region, offset, scratch, 0, 8);
            return scratch.get(U64, 0);
        }
        try {
            long value = (long) LONGS.getAcquire(area.memory, offset - area.start);
            fence(area);
            return value;
        } catch (InternalError e) {
            throw cut(e);
        }
    }

    /** Writes the low 8 bits of {@code value}. */
    public void write8(long offset, int value) {
        var area = find(offset, 1, writable);
        if (area == null) {
            scratch.set(ValueLayout.JAVA_BYTE, 0, (byte) value);
            device.writeRegion(region, offset, scratch, 0, 1);
            return;
        }
        try {
            VarHandle.releaseFence();
            area.memory.set(ValueLayout.JAVA_BYTE, offset - area.start, (byte) value);
            fence(area);
        } catch (InternalError e) {
            throw cut(e);
        }
    }

    /** Writes the low 16 bits of {@code value}. */
    public void write16(long offset, int value) {
        var area = find(offset, 2, writable);
        if (area == null) {
            scratch.set(U16, 0, (short) value);
            device.writeRegion(region, offset, scratch, 0, 2);
            return;
        }
        try {
            SHORTS.setRelease(area.memory, offset - area.start, (short) value);
            fence(area);
        } catch (InternalError e) {
            throw cut(e);
        }
    }

    /** Writes 32 bits. */
    public void write32(long offset, int value) {
        var area = find(offset, 4, writable);
        if (area == null) {
            scratch.set(U32, 0, value);
            device.writeRegion(region, offset, scratch, 0, 4);
            return;
        }
        try {
            INTS.setRelease(area.memory, offset - area.start, value);
            fence(area);
        } catch (InternalError e) {
            throw cut(e);
        }
    }

    /** Writes 64 bits. */
    public void write64(long offset, long value) {
        var area = find(offset, 8, writable);
        if (area == null) {
            scratch.set(U64, 0, value);
            device.writeRegion(region, offset, scratch, 0, 8);
            return;
        }
        try {
            LONGS.setRelease(area.memory, offset - area.start, value);
            fence(area);
        } catch (InternalError e) {
            throw cut(e);
        }
    }

    /** Reads {@code count} bytes by message, also from mapped parts. */
    public void read(long offset, MemorySegment buffer, long at, int count) {
        device.readRegion(region, offset, buffer, at, count);
    }

    /** Writes {@code count} bytes by message, also to mapped parts. */
    public void write(long offset, MemorySegment buffer, long at, int count) {
        device.writeRegion(region, offset, buffer, at, count);
    }

    /** Unmaps. */
    @Override
    public void close() {
        for (var area : areas) {
            area.mapping.close();
        }
    }

    private @Nullable Area find(long offset, int width, boolean allowed) {
        if (allowed && (offset & (width - 1)) == 0) {
            for (var area : areas) {
                if (offset >= area.start && offset <= area.end - width) {
                    return area;
                }
            }
        }
        return null;
    }

    private static void fence(Area area) {
        if (area.fenced) {
            MemoryFault.fence();
        }
    }

    private DisconnectedException cut(InternalError e) {
        if (!MemoryFault.is(e)) {
            throw e;
        }
        return new DisconnectedException(
                "BAR %d: the device's process has cut its mapped memory short".formatted(region));
    }

    private Area map(RegionInfo info, Fd file, RegionInfo.Area area) {
        long offset = info.offset() + area.offset();
        var status = FileStatus.of(file);
        if (status.isRegular() && status.size() - area.size() < offset) {
            throw new VfioException(
                    Errno.EIO,
                    "BAR %d: area at 0x%x of 0x%x bytes ends beyond its file of 0x%x bytes"
                            .formatted(region, area.offset(), area.size(), status.size()));
        }
        var mapping =
                Mapping.shared(
                        file,
                        offset,
                        area.size(),
                        writable ? Mapping.Access.READ_WRITE : Mapping.Access.READ);
        boolean sealed = (MemoryFile.seals(file) & MemoryFile.SEAL_SHRINK) != 0;
        return new Area(
                area.offset(), area.offset() + area.size(), mapping, mapping.segment(), !sealed);
    }
}
