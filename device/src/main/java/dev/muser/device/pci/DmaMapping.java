package dev.muser.device.pci;

import dev.muser.device.DmaAccess;
import org.jspecify.annotations.Nullable;

/** One {@code DMA_MAP} of the client. Addresses are unsigned. */
final class DmaMapping {
    final long iova;

    /** In bytes; {@code iova + size} is at most 2^64. */
    final long size;

    final DmaAccess access;

    /** Where the bytes are; null when they are reached by message. */
    final @Nullable MappedFile file;

    /** Where {@link #iova} lies in the file. */
    final long fileOffset;

    /** Whether the memory has faulted: the client took it away. */
    private boolean dead;

    DmaMapping(long iova, long size, DmaAccess access, @Nullable MappedFile file, long fileOffset) {
        this.iova = iova;
        this.size = size;
        this.access = access;
        this.file = file;
        this.fileOffset = fileOffset;
    }

    /** Hot. */
    boolean contains(long address) {
        return Long.compareUnsigned(address - iova, size) < 0;
    }

    /** Hot. Whether it has all of the range, which begins in it. */
    boolean containsFrom(long address, long length) {
        return Long.compareUnsigned(length, size - (address - iova)) <= 0;
    }

    /** Returns how much of the range, which begins in it, it has. */
    long partFrom(long address, long length) {
        return Math.min(length, size - (address - iova));
    }

    /** Returns the last address of it. */
    long last() {
        return iova + size - 1;
    }

    boolean dead() {
        return dead;
    }

    void die() {
        dead = true;
    }
}
