package dev.muser.device.pci;

import dev.muser.device.DmaAccess;
import dev.muser.device.DmaCompletion;
import dev.muser.linux.Errno;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Ranges of client memory that make up one buffer, in their order. Reusable: fill it, move bytes,
 * {@link #clear} it; once it has grown to what is needed, it allocates nothing.
 *
 * <p>Owned by the device's thread. Errors are those of {@link GuestMemory}.
 */
public final class ScatterList {
    /** No generation of the memory. */
    private static final long UNRESOLVED = -1;

    /** Longer than the list of the longest buffer that drivers are wont to describe. */
    private static final int KEPT = 512;

    private final GuestMemory memory;
    private long[] addresses = new long[16];
    private long[] lengths = new long[16];
    private int ranges;
    private long total;

    // the ranges, cut where mappings end and joined where the memory goes on in the same file
    private @Nullable DmaMapping[] pieceMappings = new DmaMapping[16];
    private long[] pieceAddresses = new long[16];
    private long[] pieceLengths = new long[16];
    private int pieces;
    private long resolvedAt;
    private DmaAccess resolvedFor = DmaAccess.NONE;

    /** Among those that the system may be writing to. */
    @Nullable ScatterList nextWritten;

    @Nullable ScatterList previousWritten;

    private boolean written;

    ScatterList(GuestMemory memory) {
        this.memory = memory;
    }

    /** Makes it empty. */
    public void clear() {
        ranges = 0;
        total = 0;
        Arrays.fill(pieceMappings, 0, pieces, null);
        pieces = 0;
        if (addresses.length > KEPT || pieceAddresses.length > KEPT) {
            shrink();
        }
    }

    /** One long list must not take its memory for ever. */
    private void shrink() {
        addresses = new long[16];
        lengths = new long[16];
        pieceMappings = new DmaMapping[16];
        pieceAddresses = new long[16];
        pieceLengths = new long[16];
    }

    /**
     * Adds a range behind the others.
     *
     * @param iova any address: whether it is mapped turns out when bytes are moved
     * @param length in bytes; a range of 0 adds nothing
     * @throws IllegalArgumentException when the length is negative, or all together reach 2^63
     */
    public void add(long iova, long length) {
        if (length < 0 || total + length < 0) {
            throw new IllegalArgumentException(
                    "range of %d bytes behind %d".formatted(length, total));
        }
        if (length == 0) {
            return;
        }
        if (ranges == addresses.length) {
            addresses = Arrays.copyOf(addresses, 2 * ranges);
            lengths = Arrays.copyOf(lengths, 2 * ranges);
        }
        addresses[ranges] = iova;
        lengths[ranges] = length;
        ranges++;
        total += length;
    }

    /** Returns how many bytes all ranges have together. */
    public long length() {
        return total;
    }

    /**
     * Hot. Reads all ranges into {@code into}.
     *
     * @param into of exactly {@link #length} bytes; stays this method's until the completion
     */
    public void copyTo(MemorySegment into, DmaCompletion completion) {
        move(into, true, completion);
    }

    /**
     * Hot. Writes {@code from} to all ranges.
     *
     * @param from of exactly {@link #length} bytes; stays this method's until the completion
     */
    public void copyFrom(MemorySegment from, DmaCompletion completion) {
        move(from, false, completion);
    }

    private void move(MemorySegment buffer, boolean read, DmaCompletion completion) {
        if (buffer.byteSize() != total) {
            throw new IllegalArgumentException(
                    "buffer of %d bytes for %d".formatted(buffer.byteSize(), total));
        }
        int error = resolve(read ? DmaAccess.READ : DmaAccess.WRITE);
        if (error != 0) {
            completion.done(error);
            return;
        }
        long at = 0;
        for (int i = 0; i < pieces; i++) {
            var mapping = mapping(i);
            if (mapping.file == null) {
                moveByMessage(i, at, buffer, read, completion);
                return;
            }
            if (!read) {
                mark(at, pieceLengths[i]);
            }
            error = memory.copy(mapping, pieceAddresses[i], buffer, at, pieceLengths[i], read);
            if (error != 0) {
                break;
            }
            at += pieceLengths[i];
        }
        completion.done(error);
    }

    /** Goes on from piece {@code from}, the first one that the client has to be asked for. */
    private void moveByMessage(
            int from, long at, MemorySegment buffer, boolean read, DmaCompletion completion) {
        var parts = new SplitTransfer(completion);
        long position = at;
        for (int i = from; i < pieces; i++) {
            if (!read && mapping(i).file != null) {
                mark(position, pieceLengths[i]);
            }
            memory.movePart(
                    mapping(i), pieceAddresses[i], buffer, position, pieceLengths[i], read, parts);
            position += pieceLengths[i];
        }
        parts.done(0);
    }

    /**
     * Hot. Looks the ranges up, so that {@link #pieces} and {@link #direct} can be used, until the
     * list changes or memory is unmapped.
     *
     * @return 0, or EFAULT or EACCES when a range cannot be used so; then there are no pieces
     */
    public int resolve(DmaAccess wanted) {
        pieces = 0;
        resolvedAt = memory.generation();
        resolvedFor = wanted;
        for (int i = 0; i < ranges; i++) {
            int error = resolve(addresses[i], lengths[i], wanted);
            if (error != 0) {
                pieces = 0;
                resolvedAt = UNRESOLVED;
                return error;
            }
        }
        return 0;
    }

    /**
     * Hot. As {@link #resolve} was asked to, if memory was unmapped since, which may have been that
     * of others.
     */
    public int refresh() {
        return resolvedAt == memory.generation() ? 0 : resolve(resolvedFor);
    }

    private int resolve(long iova, long length, DmaAccess wanted) {
        if (Long.compareUnsigned(iova + length - 1, iova) < 0) {
            return Errno.EFAULT;
        }
        for (long done = 0; done < length; ) {
            long address = iova + done;
            var mapping = memory.at(address);
            if (mapping == null || mapping.dead()) {
                return Errno.EFAULT;
            }
            if (!mapping.access.allows(wanted)) {
                return Errno.EACCES;
            }
            long n = Math.min(length - done, mapping.size - (address - mapping.iova));
            append(mapping, address, n);
            done += n;
        }
        return 0;
    }

    /**
     * Hot. Whether all pieces are shared with this process, after {@link #resolve}: else some can
     * only be reached by {@link #copyTo} and {@link #copyFrom}.
     */
    public boolean isShared() {
        for (int i = 0; i < pieces; i++) {
            if (mapping(i).file == null) {
                return false;
            }
        }
        return true;
    }

    /**
     * Hot. Reads {@code count} bytes from byte {@code from} of the list on, at once. All was {@link
     * #isShared}. The ranges are looked up again if memory was unmapped since {@link #resolve}.
     *
     * @return 0, or EFAULT when the client has taken its memory away, or EACCES as {@link #resolve}
     */
    public int readNow(long from, MemorySegment into, long at, long count) {
        return moveNow(from, into, at, count, true);
    }

    /** Hot. Writes, as {@link #readNow} reads. */
    public int writeNow(long to, MemorySegment from, long at, long count) {
        return moveNow(to, from, at, count, false);
    }

    private int moveNow(long position, MemorySegment buffer, long at, long count, boolean read) {
        Objects.checkFromIndexSize(position, count, total);
        if (resolvedAt != memory.generation()) {
            int error = refresh();
            if (error != 0) {
                return error;
            }
            if (!isShared()) {
                return Errno.EFAULT;
            }
        }
        if (!read) {
            mark(position, count);
        }
        long skip = position;
        long done = 0;
        for (int i = 0; done < count; i++) {
            long length = pieceLengths[i];
            if (skip >= length) {
                skip -= length;
                continue;
            }
            long n = Math.min(count - done, length - skip);
            int error =
                    memory.copy(mapping(i), pieceAddresses[i] + skip, buffer, at + done, n, read);
            if (error != 0) {
                return error;
            }
            skip = 0;
            done += n;
        }
        return 0;
    }

    /**
     * Hot. Returns where piece {@code index} lies in this process, for system calls; the list is
     * {@link #isShared}. What lies there is not memory any more once it is unmapped ({@link
     * Device#dmaUnmapped}), and if it is not sealed the client can take it away: then the kernel
     * says EFAULT.
     *
     * @throws IllegalStateException when memory was unmapped since {@link #resolve}
     */
    public long address(int index) {
        var mapping = mapping(Objects.checkIndex(index, pieces));
        var file = mapping.file;
        if (file == null || resolvedAt != memory.generation()) {
            throw new IllegalStateException("piece " + index + " has no address");
        }
        memory.noteAddressed();
        return file.address(mapping.fileOffset + (pieceAddresses[index] - mapping.iova));
    }

    /**
     * Hot. Says that the system may write all of the list from now on, by {@link #address}: to a
     * client that copies its memory elsewhere it counts as written for as long. The list does not
     * change meanwhile.
     */
    public void beginWrites() {
        if (!written) {
            written = true;
            memory.log().add(this);
        }
    }

    /** Hot. Says that the system does so no longer. Does nothing when it did not. */
    public void endWrites() {
        if (written) {
            written = false;
            memory.log().remove(this);
        }
    }

    /**
     * Hot. Notes that bytes of the list are about to be written, by the ranges that they are in.
     */
    void mark(long position, long count) {
        if (!memory.isLogged()) {
            return;
        }
        long skip = position;
        long left = count;
        for (int i = 0; left > 0; i++) {
            if (skip >= lengths[i]) {
                skip -= lengths[i];
                continue;
            }
            long n = Math.min(left, lengths[i] - skip);
            memory.mark(addresses[i] + skip, n);
            skip = 0;
            left -= n;
        }
    }

    /** Whether any byte of the list lies in such a range of the client's addresses. */
    public boolean overlaps(long iova, long size) {
        for (int i = 0; i < ranges; i++) {
            if (Long.compareUnsigned(addresses[i] - iova, size) < 0
                    || Long.compareUnsigned(iova - addresses[i], lengths[i]) < 0) {
                return true;
            }
        }
        return false;
    }

    private void append(DmaMapping mapping, long address, long length) {
        if (pieces > 0 && continues(mapping, address)) {
            pieceLengths[pieces - 1] += length;
            return;
        }
        if (pieces == pieceLengths.length) {
            pieceMappings = Arrays.copyOf(pieceMappings, 2 * pieces);
            pieceAddresses = Arrays.copyOf(pieceAddresses, 2 * pieces);
            pieceLengths = Arrays.copyOf(pieceLengths, 2 * pieces);
        }
        pieceMappings[pieces] = mapping;
        pieceAddresses[pieces] = address;
        pieceLengths[pieces] = length;
        pieces++;
    }

    /** Whether the memory goes on where the last piece ends: a vIOMMU maps page by page. */
    private boolean continues(DmaMapping mapping, long address) {
        var last = mapping(pieces - 1);
        var file = mapping.file;
        return file != null
                && file == last.file
                && mapping.access == last.access
                && last.fileOffset
                                + (pieceAddresses[pieces - 1] - last.iova)
                                + pieceLengths[pieces - 1]
                        == mapping.fileOffset + (address - mapping.iova);
    }

    /** Returns how many pieces there are, after {@link #resolve}. */
    public int pieces() {
        return pieces;
    }

    /** Returns how long piece {@code index} is, in bytes. */
    public long pieceLength(int index) {
        return pieceLengths[Objects.checkIndex(index, pieces)];
    }

    /**
     * Hot. Returns the bytes of piece {@code index} themselves, as {@link GuestMemory#direct} does.
     *
     * @param wanted what {@link #resolve} was asked for, or less
     * @return null when they can only be reached by {@link #copyTo} and {@link #copyFrom}, or
     *     memory has been unmapped since {@link #resolve}
     */
    public @Nullable MemorySegment direct(int index, DmaAccess wanted) {
        var mapping = mapping(Objects.checkIndex(index, pieces));
        if (resolvedAt != memory.generation()) {
            return null;
        }
        var file = mapping.file;
        if (file == null || !file.sealed() || !mapping.access.allows(wanted)) {
            return null;
        }
        if (wanted.writable()) {
            long position = 0;
            for (int i = 0; i < index; i++) {
                position += pieceLengths[i];
            }
            mark(position, pieceLengths[index]);
        }
        return file.slice(
                mapping.fileOffset + (pieceAddresses[index] - mapping.iova),
                pieceLengths[index],
                wanted.writable());
    }

    private DmaMapping mapping(int index) {
        var mapping = pieceMappings[index];
        if (mapping == null) {
            throw new IllegalStateException("piece " + index + " has been cleared");
        }
        return mapping;
    }
}
