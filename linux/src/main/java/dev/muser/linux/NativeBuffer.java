package dev.muser.linux;

import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * Buffers of callers, whose raw addresses go to the kernel: it writes wherever it is told to, so
 * what Java checks at each access is checked here.
 */
final class NativeBuffer {
    private NativeBuffer() {}

    /**
     * Hot. Returns the address of byte {@code offset}. The caller keeps the segment reachable until
     * the kernel is done.
     *
     * @throws IndexOutOfBoundsException when the range is not within the buffer
     * @throws IllegalArgumentException when it lies on the Java heap
     * @throws IllegalStateException when it has been closed
     */
    static long address(MemorySegment buffer, long offset, long length) {
        Objects.checkFromIndexSize(offset, length, buffer.byteSize());
        if (!buffer.isNative()) {
            throw new IllegalArgumentException(
                    "buffer on the Java heap; the kernel needs one from an Arena");
        }
        if (!buffer.scope().isAlive()) {
            throw new IllegalStateException("buffer is closed");
        }
        return buffer.address() + offset;
    }

    /** Hot. As {@link #address}, for a buffer that the kernel fills. */
    static long addressToFill(MemorySegment buffer, long offset, long length) {
        if (buffer.isReadOnly()) {
            throw new IllegalArgumentException("buffer is read-only");
        }
        return address(buffer, offset, length);
    }
}
