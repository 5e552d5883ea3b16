package dev.muser.device.pci;

import dev.muser.device.DmaAccess;
import dev.muser.linux.Errno;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A range of client memory that a device uses again and again, such as a queue: looked up once, and
 * again only after memory has been unmapped.
 *
 * <p>Where all of the range lies in one piece of a file that is shared with this process, accesses
 * are immediate. Elsewhere they go through {@link GuestMemory}: {@link #readNow} and {@link
 * #writeNow} say {@link GuestMemory#BY_MESSAGE} where the client has to be asked.
 *
 * <p>Owned by the device's thread. Offsets count in bytes from the start of the range.
 */
public final class GuestWindow {
    private final GuestMemory memory;
    private long iova;
    private long length;
    private DmaAccess access = DmaAccess.NONE;

    private @Nullable DmaMapping mapping;
    private @Nullable MappedFile file;
    private long start;
    private long resolvedAt = -1;

    GuestWindow(GuestMemory memory) {
        this.memory = memory;
    }

    /**
     * Makes it another range.
     *
     * @param wanted what the device does with it; accesses beyond that are the caller's mistake
     */
    public void set(long newIova, long newLength, DmaAccess wanted) {
        iova = newIova;
        length = newLength;
        access = wanted;
        resolvedAt = -1;
    }

    public long iova() {
        return iova;
    }

    public long length() {
        return length;
    }

    /** Hot. Whether all of it is at hand: in one piece of a file that is shared. */
    public boolean isDirect() {
        return directFile() != null;
    }

    private @Nullable MappedFile directFile() {
        if (resolvedAt != memory.generation()) {
            resolve();
        }
        var m = mapping;
        return m == null || m.dead() ? null : file;
    }

    private void resolve() {
        resolvedAt = memory.generation();
        mapping = null;
        file = null;
        var found = length == 0 ? null : memory.at(iova);
        if (found == null || found.file == null || !goesOn(found)) {
            // it may be mapped later, which does not change the generation
            resolvedAt = -1;
            return;
        }
        mapping = found;
        file = found.file;
        start = found.fileOffset + (iova - found.iova);
    }

    /** Whether all of the range lies in one piece of a file: a vIOMMU maps page by page. */
    private boolean goesOn(DmaMapping first) {
        long filePosition = first.fileOffset - first.iova;
        var found = first;
        for (long done = 0; ; ) {
            if (found.file != first.file || !found.access.allows(access) || found.dead()) {
                return false;
            }
            if (found.fileOffset - found.iova != filePosition) {
                return false;
            }
            done = found.iova + found.size - iova;
            if (done >= length) {
                return true;
            }
            var next = memory.at(iova + done);
            if (next == null) {
                return false;
            }
            found = next;
        }
    }

    /**
     * Hot. Reads at once.
     *
     * @return 0, an errno of {@link GuestMemory}, or {@link GuestMemory#BY_MESSAGE}
     */
    public int readNow(long at, MemorySegment into, long position, long count) {
        Objects.checkFromIndexSize(at, count, length);
        var f = directFile();
        if (f == null) {
            return memory.readNow(iova + at, into, position, count);
        }
        return checked(f.read(start + at, into, position, count));
    }

    /** Hot. Writes at once; as {@link #readNow}. */
    public int writeNow(long at, MemorySegment from, long position, long count) {
        Objects.checkFromIndexSize(at, count, length);
        var f = directFile();
        if (f == null) {
            return memory.writeNow(iova + at, from, position, count);
        }
        if (count == 0) {
            return 0;
        }
        memory.mark(iova + at, count);
        return checked(f.write(start + at, from, position, count));
    }

    /**
     * Hot. Returns the 32 bits at {@code at}, a multiple of 4, with acquire semantics; it {@link
     * #isDirect}.
     *
     * @return -1 when the client has taken the memory away
     */
    public long load32(long at) {
        Objects.checkFromIndexSize(at, 4, length);
        var f = directFile();
        long value = f == null ? -1 : f.load32(start + at);
        if (value < 0) {
            checked(Errno.EFAULT);
        }
        return value;
    }

    /**
     * Hot. Stores 32 bits at {@code at}, a multiple of 4, with release semantics; it {@link
     * #isDirect}.
     *
     * @return 0 or EFAULT
     */
    public int store32(long at, int value) {
        Objects.checkFromIndexSize(at, 4, length);
        var f = directFile();
        memory.mark(iova + at, 4);
        return f == null || f.store32(start + at, value) != 0 ? checked(Errno.EFAULT) : 0;
    }

    /**
     * Hot. Stores 16 bytes at {@code at}, a multiple of 16, so that whoever sees the second half
     * sees the first; it {@link #isDirect}.
     *
     * @return 0 or EFAULT
     */
    public int store128(long at, long low, long high) {
        Objects.checkFromIndexSize(at, 16, length);
        var f = directFile();
        memory.mark(iova + at, 16);
        return f == null || f.store128(start + at, low, high) != 0 ? checked(Errno.EFAULT) : 0;
    }

    private int checked(int error) {
        var m = mapping;
        if (error != 0 && m != null) {
            m.die();
        }
        return error;
    }
}
