package dev.muser.devices.storage.nbd;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;

/** Native memory for the data of one command, as the two kinds of object that Java wants. */
final class NbdBuffer {
    private final MemorySegment segment;
    private final ByteBuffer bytes;

    NbdBuffer(int size) {
        // Given back by the garbage collector: no thread can then still be using it.
        segment = Arena.ofAuto().allocate(size);
        bytes = segment.asByteBuffer();
    }

    MemorySegment segment() {
        return segment;
    }

    int size() {
        return bytes.capacity();
    }

    ByteBuffer view(int at, int count) {
        return bytes.slice(at, count);
    }
}
