package dev.muser.device.pci;

import dev.muser.device.DmaAccess;
import dev.muser.device.DmaCompletion;
import dev.muser.device.DmaPort;
import dev.muser.device.VfioException;
import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Queue;
import org.jspecify.annotations.Nullable;

/**
 * The memory of the client, as the device reaches it by DMA: one way to read and write, whether the
 * client shares it or has to be asked.
 *
 * <p>Addresses are the client's (IOVA), unsigned. A range may cross any number of mappings. What is
 * shared is copied at once, and the completion runs before the call returns; the rest goes by
 * message, and the completion runs later. A range that is not mapped as a whole, or may not be used
 * so, completes with an error before anything is moved:
 *
 * <ul>
 *   <li>EFAULT: not mapped, or the client has taken the memory away;
 *   <li>EACCES: mapped without the right to be read, or written;
 *   <li>ECONNRESET: the client is gone;
 *   <li>EBUSY: tens of thousands of transfers wait for the client to answer; of what is moved at
 *       once or not at all, that the device stands still, to be migrated;
 *   <li>what the client says, for memory that it has to be asked for.
 * </ul>
 *
 * <p>The client can change its memory at any moment: copy what is checked before checking it.
 *
 * <p>Owned by the device's thread: a segment from {@link #direct} cannot be used by another.
 */
public final class GuestMemory {

    /** Is told which memory there is. */
    interface Listener {
        /** The memory can be used. */
        default void mapped(long iova, long size, DmaAccess access) {}

        /** The memory can still be used, until this returns. */
        default void unmapping(long iova, long size) {}

        /** The device has asked for an address, for the first time. */
        default void addressed() {}
    }

    /** {@link #readNow} and {@link #writeNow} cannot: the client has to be asked by message. */
    public static final int BY_MESSAGE = -1;

    private static final String NOT_MAPPED = "is not mapped, or not just as mappings end";

    private final int maxMappings;
    private final long maxMappingSize;
    private final MappingTable table = new MappingTable();
    private final MappedFiles files = new MappedFiles();
    private final PortRequests port = new PortRequests();
    private Listener listener = new Listener() {};
    private @Nullable DmaMapping lastHit;
    private @Nullable ScatterList nowParts;
    private boolean addressed;

    private final MemoryLog log;

    /** Where writes are marked; null when they are not logged. */
    private @Nullable DirtyBits dirty;

    private final MarkedRun marked = new MarkedRun();

    /** Of a device that stands still. */
    private final Queue<Runnable> waiting = new ArrayDeque<>();

    private boolean stopped;

    /** Changes when a mapping goes, so that what was found before is looked up again. */
    private long generation;

    /**
     * @param maxMappings how many mappings there can be at a time
     * @param maxMappingSize how long each can be, in bytes
     */
    GuestMemory(int maxMappings, long maxMappingSize) {
        this(maxMappings, maxMappingSize, MemoryLog.CHUNKS);
    }

    /**
     * @param logChunks how many {@linkplain DirtyBits chunks} a log of writes can have
     */
    GuestMemory(int maxMappings, long maxMappingSize, int logChunks) {
        if (maxMappings < 0 || maxMappingSize < 0) {
            throw new IllegalArgumentException("negative limit");
        }
        this.maxMappings = maxMappings;
        this.maxMappingSize = maxMappingSize;
        log = new MemoryLog(this, logChunks);
    }

    MemoryLog log() {
        return log;
    }

    /** From now on writes are marked there; null for nowhere. */
    void logTo(@Nullable DirtyBits bits) {
        dirty = bits;
        if (bits == null) {
            marked.setAll();
        }
    }

    /** What need not be marked. */
    MarkedRun marked() {
        return marked;
    }

    /** Hot. Notes that the device is about to write; the range is not empty, and mapped. */
    void mark(long iova, long length) {
        if (!marked.has(iova, length)) {
            markInLog(iova, length);
        }
    }

    private void markInLog(long iova, long length) {
        var bits = dirty;
        if (bits != null) {
            bits.mark(iova, length);
        }
    }

    boolean isLogged() {
        return dirty != null;
    }

    /** Whether there is memory anywhere from {@code first} to {@code last}. */
    boolean hasAny(long first, long last) {
        var mapping = table.floor(last);
        return mapping != null && Long.compareUnsigned(mapping.last(), first) >= 0;
    }

    /** Returns how many mappings there can be at a time. */
    int maxMappings() {
        return maxMappings;
    }

    void listener(Listener newListener) {
        listener = newListener;
    }

    /** Begins a session; {@code newPort} is null when the client only has memory that it shares. */
    void attach(@Nullable DmaPort newPort) {
        port.attach(newPort);
    }

    /** The device stands still: transfers that begin or end now do so later. */
    void stop() {
        stopped = true;
        port.stop();
    }

    void go() {
        stopped = false;
        port.go();
        for (var move = waiting.poll(); move != null; move = waiting.poll()) {
            move.run();
        }
    }

    /** The device was reset: transfers by message that have not gone to the client are over. */
    void cancelMessages() {
        port.cancel();
    }

    /** Ends a session: transfers under way complete with ECONNRESET, then all memory goes. */
    void detach() {
        stopped = false;
        try {
            port.detach();
        } finally {
            try {
                unmapAll();
            } finally {
                log.stop();
                go(); // what waited finds nothing mapped, and not the next client's memory
            }
        }
    }

    /**
     * Maps; see {@link dev.muser.device.VfioDevice#mapDma}. The descriptor is closed in any case: a
     * mapping keeps its file.
     */
    void map(long iova, long size, DmaAccess access, @Nullable Fd file, long offset) {
        try (file) {
            if (size == 0) {
                throw refused(Errno.EINVAL, "is empty", iova, size);
            }
            if (Long.compareUnsigned(size, maxMappingSize) > 0) {
                throw refused(Errno.ENOSPC, "is larger than the device allows", iova, size);
            }
            if (Long.compareUnsigned(iova + size - 1, iova) < 0) {
                throw refused(Errno.EINVAL, "wraps around", iova, size);
            }
            var neighbour = table.floor(iova + size - 1);
            if (neighbour != null && Long.compareUnsigned(neighbour.last(), iova) >= 0) {
                if (isSame(neighbour, iova, size, access, file, offset)) {
                    return;
                }
                throw refused(Errno.EEXIST, "overlaps another", iova, size);
            }
            if (table.size() >= maxMappings) {
                throw refused(
                        Errno.EINVAL,
                        "is one too many: the device allows " + maxMappings,
                        iova,
                        size);
            }
            var mapped = file == null ? null : files.acquire(file, offset, size, access);
            table.add(new DmaMapping(iova, size, access, mapped, mapped == null ? 0 : offset));
        }
        listener.mapped(iova, size, access);
    }

    private static boolean isSame(
            DmaMapping old,
            long iova,
            long size,
            DmaAccess access,
            @Nullable Fd file,
            long offset) {
        if (old.iova != iova || old.size != size || old.access != access) {
            return false;
        }
        var mapped = old.file;
        if (mapped == null || file == null) {
            return mapped == null && file == null;
        }
        return old.fileOffset == offset && mapped.isOf(file);
    }

    /** Unmaps; see {@link dev.muser.device.VfioDevice#unmapDma}. */
    void unmap(long iova, long size) {
        var first = table.floor(iova);
        if (first != null && first.iova == iova && first.size == size) {
            remove(first);
            return;
        }
        long last = iova + size - 1;
        if (size == 0
                || Long.compareUnsigned(last, iova) < 0
                || (first != null && first.iova != iova && first.contains(iova))) {
            throw refused(Errno.ENOENT, NOT_MAPPED, iova, size);
        }
        var highest = within(iova, last);
        if (highest == null || Long.compareUnsigned(highest.last(), last) > 0) {
            throw refused(Errno.ENOENT, NOT_MAPPED, iova, size);
        }
        for (var mapping = highest; mapping != null; mapping = within(iova, last)) {
            remove(mapping);
        }
    }

    /** Returns the last mapping that begins in that range, or null. */
    private @Nullable DmaMapping within(long first, long last) {
        var mapping = table.floor(last);
        return mapping == null || Long.compareUnsigned(mapping.iova, first) < 0 ? null : mapping;
    }

    private void remove(DmaMapping mapping) {
        try {
            listener.unmapping(mapping.iova, mapping.size);
        } finally {
            table.remove(mapping);
            forget(mapping);
        }
    }

    /** Unmaps everything and tells nobody: neither the device nor the client. */
    void abandon() {
        port.abandon();
        table.forEach(this::forget);
        table.clear();
        log.leave();
    }

    /** Unmaps everything. */
    void unmapAll() {
        try {
            table.forEach(mapping -> listener.unmapping(mapping.iova, mapping.size));
        } finally {
            table.forEach(this::forget);
            table.clear();
        }
    }

    private void forget(DmaMapping mapping) {
        lastHit = null;
        generation++;
        if (mapping.file != null) {
            files.release(mapping.file);
        }
    }

    private static VfioException refused(int errno, String why, long iova, long size) {
        return new VfioException(
                errno, "DMA region of 0x%x bytes at 0x%x %s".formatted(size, iova, why));
    }

    /** Hot. Notes that the device has the system read or write this memory by address. */
    void noteAddressed() {
        if (!addressed) {
            addressed = true;
            listener.addressed();
        }
    }

    /** Returns how many mappings there are. */
    public int mappings() {
        return table.size();
    }

    /** Returns a window on this memory. */
    public GuestWindow window() {
        return new GuestWindow(this);
    }

    /** Returns an empty list of ranges of this memory. */
    public ScatterList scatterList() {
        return new ScatterList(this);
    }

    /**
     * Hot. Reads client memory from {@code iova} until {@code into} is full.
     *
     * @param into stays this method's until the completion; native memory
     */
    public void read(long iova, MemorySegment into, DmaCompletion completion) {
        move(iova, into, true, completion);
    }

    /**
     * Hot. Writes all of {@code from} to client memory at {@code iova}.
     *
     * @param from stays this method's until the completion; native memory
     */
    public void write(long iova, MemorySegment from, DmaCompletion completion) {
        move(iova, from, false, completion);
    }

    /**
     * As {@link #read}, but asks the client, also for memory that it shares: what a device that is
     * there to test clients does. The range lies in mapped memory all the same.
     */
    public void readByMessage(long iova, MemorySegment into, DmaCompletion completion) {
        moveByMessage(iova, into, true, completion);
    }

    /** As {@link #write}, by message as {@link #readByMessage}. */
    public void writeByMessage(long iova, MemorySegment from, DmaCompletion completion) {
        moveByMessage(iova, from, false, completion);
    }

    private void moveByMessage(
            long iova, MemorySegment buffer, boolean read, DmaCompletion completion) {
        long length = buffer.byteSize();
        int error = length == 0 ? 0 : checkRange(iova, length, read);
        if (length == 0 || error != 0) {
            completion.done(error);
        } else {
            port.move(iova, buffer, read, completion);
        }
    }

    /**
     * Hot. Returns the bytes themselves, to use without a copy: only where all of the range lies in
     * one mapping, and is shared in such a way that the client cannot take it away.
     *
     * <p>Use it no longer than its mapping lasts: {@link Device#dmaUnmapped} comes before the end.
     * Afterwards it still reaches the memory as long as other mappings lie in the same file, and
     * then throws {@link IllegalStateException}.
     *
     * <p>To write it later than at once, say so with {@link #writing} each time: a client that
     * copies its memory elsewhere wants to know.
     *
     * @return null when there is no such segment: use {@link #read} and {@link #write}
     */
    public @Nullable MemorySegment direct(long iova, long length, DmaAccess wanted) {
        var mapping = at(iova);
        if (mapping == null || length < 0 || !mapping.containsFrom(iova, length)) {
            return null;
        }
        var file = mapping.file;
        if (file == null || !file.sealed() || !mapping.access.allows(wanted)) {
            return null;
        }
        if (wanted.writable() && length != 0) {
            mark(iova, length);
        }
        return file.slice(mapping.fileOffset + (iova - mapping.iova), length, wanted.writable());
    }

    /**
     * Hot. Says that the device is about to write to a segment that it got from {@link #direct}
     * some time ago.
     *
     * @param length in bytes, 0 or more
     */
    public void writing(long iova, long length) {
        if (length > 0) {
            mark(iova, length);
        }
    }

    /**
     * Hot. As {@link #read}, at once or not at all.
     *
     * @return 0, an errno, or {@link #BY_MESSAGE} when some of the range is not shared: nothing has
     *     been moved then
     */
    public int readNow(long iova, MemorySegment into, long at, long count) {
        return moveNow(iova, into, at, count, true);
    }

    /** Hot. As {@link #write}, at once or not at all; as {@link #readNow}. */
    public int writeNow(long iova, MemorySegment from, long at, long count) {
        return moveNow(iova, from, at, count, false);
    }

    private int moveNow(long iova, MemorySegment buffer, long at, long count, boolean read) {
        if (count == 0) {
            return 0;
        }
        if (stopped) {
            return Errno.EBUSY;
        }
        var mapping = at(iova);
        if (mapping != null && mapping.file != null && mapping.containsFrom(iova, count)) {
            int error = check(mapping, read);
            return error != 0 ? error : move(mapping, iova, buffer, at, count, read);
        }
        return movePartsNow(iova, buffer, at, count, read);
    }

    private int movePartsNow(long iova, MemorySegment buffer, long at, long count, boolean read) {
        var parts = nowParts == null ? scatterList() : nowParts;
        nowParts = parts;
        parts.clear();
        parts.add(iova, count);
        int error = parts.resolve(read ? DmaAccess.READ : DmaAccess.WRITE);
        if (error != 0 || !parts.isShared()) {
            return error != 0 ? error : BY_MESSAGE;
        }
        return read ? parts.readNow(0, buffer, at, count) : parts.writeNow(0, buffer, at, count);
    }

    private void move(long iova, MemorySegment buffer, boolean read, DmaCompletion completion) {
        long length = buffer.byteSize();
        if (stopped) {
            waiting.add(() -> move(iova, buffer, read, completion));
            return;
        }
        if (length == 0) {
            completion.done(0);
            return;
        }
        var mapping = at(iova);
        if (mapping == null || !mapping.containsFrom(iova, length)) {
            moveParts(iova, buffer, read, completion);
            return;
        }
        int error = check(mapping, read);
        if (error != 0 || mapping.file != null) {
            completion.done(error != 0 ? error : move(mapping, iova, buffer, 0, length, read));
        } else {
            port.move(iova, buffer, read, completion);
        }
    }

    private void moveParts(
            long iova, MemorySegment buffer, boolean read, DmaCompletion completion) {
        long length = buffer.byteSize();
        int error = checkRange(iova, length, read);
        if (error != 0) {
            completion.done(error);
            return;
        }
        var parts = new SplitTransfer(completion);
        for (long done = 0; done < length; ) {
            var mapping = at(iova + done);
            if (mapping == null) {
                throw new IllegalStateException("memory went while it was being used");
            }
            long n = mapping.partFrom(iova + done, length - done);
            if (!read && mapping.file != null) {
                mark(iova + done, n);
            }
            movePart(mapping, iova + done, buffer, done, n, read, parts);
            done += n;
        }
        parts.done(0);
    }

    /**
     * Moves what lies in one mapping; asks for the completion of {@code parts} when need be. What
     * it writes here is marked.
     */
    void movePart(
            DmaMapping mapping,
            long iova,
            MemorySegment buffer,
            long at,
            long length,
            boolean read,
            SplitTransfer parts) {
        if (mapping.file != null) {
            parts.note(copy(mapping, iova, buffer, at, length, read));
        } else {
            parts.expect();
            port.move(iova, buffer.asSlice(at, length), read, parts);
        }
    }

    /** Hot. Copies what lies in one shared mapping, and logs it; returns 0 or EFAULT. */
    private int move(
            DmaMapping mapping,
            long iova,
            MemorySegment buffer,
            long at,
            long length,
            boolean read) {
        if (!read) {
            mark(iova, length);
        }
        return copy(mapping, iova, buffer, at, length, read);
    }

    /**
     * Hot. Copies what lies in one shared mapping; returns 0 or EFAULT. What it writes is marked.
     */
    int copy(
            DmaMapping mapping,
            long iova,
            MemorySegment buffer,
            long at,
            long length,
            boolean read) {
        var file = mapping.file;
        if (file == null) {
            return Errno.EFAULT;
        }
        long offset = mapping.fileOffset + (iova - mapping.iova);
        int error =
                read
                        ? file.read(offset, buffer, at, length)
                        : file.write(offset, buffer, at, length);
        if (error != 0) {
            mapping.die();
        }
        return error;
    }

    /** Returns 0, or why not all of the range can be used so. It is not empty. */
    private int checkRange(long iova, long length, boolean read) {
        if (Long.compareUnsigned(iova + length - 1, iova) < 0) {
            return Errno.EFAULT;
        }
        for (long done = 0; done < length; ) {
            var mapping = at(iova + done);
            int error = mapping == null ? Errno.EFAULT : check(mapping, read);
            if (mapping == null || error != 0) {
                return error;
            }
            done += mapping.partFrom(iova + done, length - done);
        }
        return 0;
    }

    private static int check(DmaMapping mapping, boolean read) {
        if (!(read ? mapping.access.readable() : mapping.access.writable())) {
            return Errno.EACCES;
        }
        return mapping.dead() ? Errno.EFAULT : 0;
    }

    /** Hot. Returns the mapping that has {@code address}, or null. */
    @Nullable DmaMapping at(long address) {
        var last = lastHit;
        if (last != null && last.contains(address)) {
            return last;
        }
        var found = table.at(address);
        if (found != null) {
            lastHit = found;
        }
        return found;
    }

    long generation() {
        return generation;
    }
}
