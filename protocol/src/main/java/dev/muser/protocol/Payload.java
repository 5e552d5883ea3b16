package dev.muser.protocol;

import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * What all flyweights share: where the payload lies. A payload is what follows the 16 bytes of the
 * {@link Header}. Belongs to one thread.
 */
public abstract class Payload {
    private MemorySegment segment = MemorySegment.NULL;
    private long offset;
    private int length;

    Payload() {}

    final void point(MemorySegment segment, long offset, int length) {
        Objects.checkFromIndexSize(offset, length, segment.byteSize());
        this.segment = segment;
        this.offset = offset;
        this.length = length;
    }

    /** Returns the segment last given to {@code wrap}. */
    public final MemorySegment segment() {
        return segment;
    }

    /** Returns where in {@link #segment()} the payload starts, in bytes. */
    public final long offset() {
        return offset;
    }

    /** Returns the payload's length in bytes. */
    public final int length() {
        return length;
    }

    final long u32(long at) {
        return Wire.u32(segment, offset + at);
    }

    final int i32(long at) {
        return Wire.i32(segment, offset + at);
    }

    final int u16(long at) {
        return Wire.u16(segment, offset + at);
    }

    final long u64(long at) {
        return Wire.u64(segment, offset + at);
    }
}
