package dev.muser.device.stream;

import java.lang.foreign.MemorySegment;

/** Bytes of a device that move with it, under a name. */
public interface MovedArea {
    /** Returns what it is called: printable ASCII without spaces. */
    String name();

    /** Returns how its bytes are to be understood; a build knows those up to its own. */
    int version();

    /** Returns how long it is, in bytes. */
    long length();

    /** The sender begins a pass through all areas. */
    default void beginPass() {}

    /** Returns the first byte from {@code from} on that may not be zero, or {@link #length}. */
    default long nextData(long from) {
        return from;
    }

    /** Reads {@code count} bytes at {@code offset}. */
    void read(long offset, MemorySegment into, long at, int count);
}
