package dev.muser.device.pci;

import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import dev.muser.linux.FileStatus;
import dev.muser.linux.Mapping;
import dev.muser.linux.MemoryFault;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * A client's memory file, mapped once for all regions that lie in it; unmapped when the last of
 * them goes.
 */
final class MappedFile {
    private static final ValueLayout.OfInt INT =
            ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG =
            ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle INTS = INT.varHandle();
    private static final VarHandle LONGS = LONG.varHandle();

    final FileKey key;

    /** Offset in the file where the mapping begins. */
    final long start;

    private final Mapping mapping;
    private final MemorySegment bytes;
    private final MemorySegment readOnlyBytes;
    private final boolean writable;
    private boolean sealed;
    private int regions;

    /** What tells a file from any other, as long as it is open or mapped somewhere. */
    record FileKey(long device, long inode) {}

    MappedFile(FileKey key, long start, Mapping mapping, boolean sealed) {
        this.key = key;
        this.start = start;
        this.mapping = mapping;
        this.sealed = sealed;
        bytes = mapping.segment();
        readOnlyBytes = bytes.asReadOnly();
        writable = !bytes.isReadOnly();
    }

    boolean covers(long offset, long size) {
        return offset >= start && offset - start <= bytes.byteSize() - size;
    }

    boolean writable() {
        return writable;
    }

    long length() {
        return bytes.byteSize();
    }

    /** Whether the file can never get shorter, so that its mapping cannot fault. */
    boolean sealed() {
        return sealed;
    }

    /** Notes that the file has been found sealed; a seal never goes. */
    void noteSealed() {
        sealed = true;
    }

    /** Whether {@code fd} is a descriptor of this file. */
    boolean isOf(Fd fd) {
        var status = FileStatus.of(fd);
        return status.device() == key.device && status.inode() == key.inode;
    }

    void retain() {
        regions++;
    }

    /** Returns whether that was the last region, and the memory is no longer mapped. */
    boolean release() {
        if (--regions > 0) {
            return false;
        }
        mapping.close();
        return true;
    }

    /** Hot. Returns a part of the file; without the right to write it when that is not wanted. */
    MemorySegment slice(long offset, long length, boolean toWrite) {
        return (toWrite ? bytes : readOnlyBytes).asSlice(offset - start, length);
    }

    /** Hot. Returns the address of a byte of the file in this process. */
    long address(long offset) {
        return bytes.address() + (offset - start);
    }

    /** Hot. Returns the 32 bits at {@code offset}, or -1 when the client has made it shorter. */
    long load32(long offset) {
        if (sealed) {
            return Integer.toUnsignedLong((int) INTS.getAcquire(bytes, offset - start));
        }
        try {
            int value = (int) INTS.getAcquire(bytes, offset - start);
            MemoryFault.fence();
            return Integer.toUnsignedLong(value);
        } catch (InternalError e) {
            return faulted(e);
        }
    }

    /** Hot. Stores 32 bits, after all that was stored before; returns 0, or -1 as above. */
    int store32(long offset, int value) {
        if (sealed) {
            INTS.setRelease(bytes, offset - start, value);
            return 0;
        }
        try {
            INTS.setRelease(bytes, offset - start, value);
            MemoryFault.fence();
            return 0;
        } catch (InternalError e) {
            return faulted(e);
        }
    }

    /** Hot. Stores 16 bytes, the second half after the first; returns 0, or -1 as above. */
    int store128(long offset, long low, long high) {
        if (sealed) {
            bytes.set(LONG, offset - start, low);
            LONGS.setRelease(bytes, offset - start + 8, high);
            return 0;
        }
        try {
            bytes.set(LONG, offset - start, low);
            LONGS.setRelease(bytes, offset - start + 8, high);
            MemoryFault.fence();
            return 0;
        } catch (InternalError e) {
            return faulted(e);
        }
    }

    private static int faulted(InternalError e) {
        if (MemoryFault.is(e)) {
            return -1;
        }
        throw e;
    }

    /**
     * Hot. Copies out of the file, at {@code offset} of it.
     *
     * @return 0, or EFAULT when the client has made the file shorter
     */
    int read(long offset, MemorySegment into, long at, long length) {
        return sealed
                ? copy(bytes, offset - start, into, at, length)
                : fencedCopy(bytes, offset - start, into, at, length);
    }

    /** Hot. Copies into the file; as {@link #read}. */
    int write(long offset, MemorySegment from, long at, long length) {
        return sealed
                ? copy(from, at, bytes, offset - start, length)
                : fencedCopy(from, at, bytes, offset - start, length);
    }

    private static int copy(
            MemorySegment from, long fromAt, MemorySegment to, long toAt, long length) {
        MemorySegment.copy(from, fromAt, to, toAt, length);
        return 0;
    }

    /** See docs/decisions/0004-unsealed-memory.md. */
    private static int fencedCopy(
            MemorySegment from, long fromAt, MemorySegment to, long toAt, long length) {
        try {
            MemorySegment.copy(from, fromAt, to, toAt, length);
            MemoryFault.fence();
            return 0;
        } catch (InternalError e) {
            if (MemoryFault.is(e)) {
                return Errno.EFAULT;
            }
            throw e;
        }
    }
}
