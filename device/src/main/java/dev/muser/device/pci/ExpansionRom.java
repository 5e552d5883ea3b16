package dev.muser.device.pci;

import dev.muser.device.RegionInfo;
import java.lang.foreign.MemorySegment;

/** The expansion ROM: bytes of the build, zero up to the next power of two. */
final class ExpansionRom implements PciRegion {
    /** The address register has bits from here on (PCI Local Bus 3.0, 6.2.5.2). */
    static final int SMALLEST = 0x800;

    /** "The maximum amount of space a device may request is 16 MB", ibidem. */
    private static final int LARGEST = 16 << 20;

    private final MemorySegment bytes;
    private final RegionInfo info;

    ExpansionRom(byte[] content) {
        if (content.length == 0 || content.length > LARGEST) {
            throw new IllegalArgumentException(
                    "ROM of %d bytes: must be 1 to %d".formatted(content.length, LARGEST));
        }
        int size = Math.max(SMALLEST, Integer.highestOneBit(2 * content.length - 1));
        var padded = new byte[size];
        System.arraycopy(content, 0, padded, 0, content.length);
        bytes = MemorySegment.ofArray(padded).asReadOnly();
        info = RegionInfo.of(size, true, false);
    }

    @Override
    public RegionInfo info() {
        return info;
    }

    @Override
    public void read(long offset, MemorySegment buffer, long at, int count) {
        MemorySegment.copy(bytes, offset, buffer, at, count);
    }

    @Override
    public void write(long offset, MemorySegment buffer, long at, int count) {
        throw new IllegalStateException("the ROM is read-only");
    }

    @Override
    public void reset() {}
}
