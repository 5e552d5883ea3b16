package dev.muser.device.pci;

import java.lang.foreign.MemorySegment;

/** What answers for a part of a BAR: a bank of registers, memory, an MSI-X table. */
public interface BarArea {
    /**
     * Hot. Reads {@code count} bytes at {@code offset}, counted from the start of the area, into
     * {@code buffer} at {@code at}. The range lies within the area.
     */
    void read(long offset, MemorySegment buffer, long at, int count);

    /** Hot. Writes; as {@link #read}. */
    void write(long offset, MemorySegment buffer, long at, int count);

    /** Gives everything its reset value. */
    default void reset() {}
}
