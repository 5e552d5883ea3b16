package dev.muser.device.pci;

import dev.muser.device.ClientKind;
import dev.muser.device.RegionInfo;
import dev.muser.linux.Fd;
import dev.muser.linux.MemoryFile;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Memory in a BAR that lies in the device's memory file, so that clients can map all or parts of
 * it. Messages, mappings and the device see the same bytes. It survives a restart.
 *
 * <p>A reset makes it zero, unless {@link #keepOnReset} is called: what one client leaves behind is
 * not for the next.
 */
public final class BackedMemory implements BarArea {
    static final long PAGE = 4096;

    private final Bar bar;
    private final long offset;
    private final long size;
    private final List<RegionInfo.Area> areas = new ArrayList<>();
    private Predicate<ClientKind> mappableFor = kind -> true;
    private @Nullable WriteListener writeListener;
    private boolean keep;
    private @Nullable MemorySegment bytes;
    private @Nullable Fd file;
    private BooleanSupplier isOn = () -> false;

    BackedMemory(Bar bar, long offset, long size) {
        this.bar = bar;
        this.offset = offset;
        this.size = size;
    }

    /** Lets clients map all of it. */
    public BackedMemory mappable() {
        return mappable(offset, size);
    }

    /**
     * Lets clients map a part of it; can be called for several parts.
     *
     * @param areaOffset from the start of the BAR, in bytes, a multiple of 4096
     * @param areaSize in bytes, a multiple of 4096
     * @throws IllegalArgumentException when it is not aligned, lies outside, or overlaps another
     */
    public BackedMemory mappable(long areaOffset, long areaSize) {
        bar.requireOpen();
        if (areaSize <= 0 || ((areaOffset | areaSize) & (PAGE - 1)) != 0) {
            throw new IllegalArgumentException(
                    "mappable area of %s, 0x%x bytes at 0x%x, is not made of whole pages of 4096"
                            .formatted(bar, areaSize, areaOffset));
        }
        if (areaOffset < offset || areaOffset - offset > size - areaSize) {
            throw new IllegalArgumentException(
                    "mappable area of %s, 0x%x bytes at 0x%x, lies outside %s"
                            .formatted(bar, areaSize, areaOffset, this));
        }
        for (var other : areas) {
            if (areaOffset < other.offset() + other.size()
                    && other.offset() < areaOffset + areaSize) {
                throw new IllegalArgumentException(
                        "mappable areas of %s at 0x%x and 0x%x overlap"
                                .formatted(bar, other.offset(), areaOffset));
            }
        }
        areas.add(new RegionInfo.Area(areaOffset, areaSize));
        areas.sort(Comparator.comparingLong(RegionInfo.Area::offset));
        return this;
    }

    /** Lets a reset leave it as it is. */
    public BackedMemory keepOnReset() {
        keep = true;
        return this;
    }

    /** Lets only such clients map it; the others reach it by messages. */
    public BackedMemory mappableFor(Predicate<ClientKind> kinds) {
        bar.requireOpen();
        mappableFor = kinds;
        return this;
    }

    /** Has {@code listener} told of what clients write by message, after each write. */
    public BackedMemory onWrite(WriteListener listener) {
        bar.requireOpen();
        writeListener = listener;
        return this;
    }

    /** Is told what a client has written by message. */
    @FunctionalInterface
    public interface WriteListener {
        /**
         * Hot.
         *
         * @param offset in bytes, from the start of the memory
         * @param count in bytes
         */
        void written(long offset, int count);
    }

    /**
     * Hot. Returns the bytes, for any thread. The client can change them at any moment: copy before
     * checking.
     *
     * @throws IllegalStateException while the device is being constructed, or after its end
     */
    public MemorySegment segment() {
        var b = bytes;
        if (b == null) {
            throw new IllegalStateException(
                    "memory of " + bar + " is used while the device is still being constructed");
        }
        return b;
    }

    /** Returns where it begins, in bytes from the start of the BAR. */
    public long offset() {
        return offset;
    }

    /** Returns how long it is, in bytes. */
    public long size() {
        return size;
    }

    List<RegionInfo.Area> areas(ClientKind kind) {
        return mappableFor.test(kind) ? areas : List.of();
    }

    void bind(BarMemory memory) {
        file = memory.file();
        isOn = memory::isOn;
        bytes = memory.map(bar.fileOffset() + offset, size).segment().asSlice(0, size);
    }

    @Override
    public void read(long at, MemorySegment buffer, long position, int count) {
        var b = segment();
        if (isNumber(count)) {
            // one access, as the client's own would be
            LittleEndian.put(buffer, position, count, LittleEndian.get(b, at, count));
        } else {
            MemorySegment.copy(b, at, buffer, position, count);
        }
    }

    @Override
    public void write(long at, MemorySegment buffer, long position, int count) {
        var b = segment();
        if (isNumber(count)) {
            LittleEndian.put(b, at, count, LittleEndian.get(buffer, position, count));
        } else {
            MemorySegment.copy(buffer, position, b, at, count);
        }
        var listener = writeListener;
        if (listener != null) {
            listener.written(at, count);
        }
    }

    private static boolean isNumber(int count) {
        return count == 4 || count == 8 || count == 2 || count == 1;
    }

    @Override
    public void reset() {
        var f = file;
        if (!keep && f != null && isOn.getAsBoolean()) {
            // gives the pages back, where storing zeros would take them all
            MemoryFile.clear(f, bar.fileOffset() + offset, size);
        }
    }

    @Override
    public String toString() {
        return "memory of %s, 0x%x bytes at 0x%x".formatted(bar, size, offset);
    }
}
