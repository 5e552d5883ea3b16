package dev.muser.devices.storage;

import dev.muser.device.EventLoop;
import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import dev.muser.linux.FileStatus;
import dev.muser.linux.Mapping;
import dev.muser.linux.MemoryFile;
import dev.muser.linux.SyscallException;
import dev.muser.service.DescriptorStore;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/**
 * Bytes in memory, gone with the process unless somebody keeps them for the next. Pages are taken
 * when they are first written or read, and given back when they are discarded: the size is only
 * bounded by what the machine maps.
 */
public final class MemoryStorage implements Storage {
    private static final long PAGE = 4096;

    /** Of the memory, in a store. */
    private static final String NAME = "memory";

    private static final int SEALS =
            MemoryFile.SEAL_SHRINK | MemoryFile.SEAL_GROW | MemoryFile.SEAL_SEAL;

    /**
     * So much is given back in one turn, in bytes: some 2 ms for pages that were in use. The loop
     * has other disks to serve.
     */
    private static final long EFFORT_AT_ONCE = 24L << 20;

    /** What a system call costs beside its pages, in bytes as well. */
    private static final long EFFORT_OF_A_CALL = 32L << 10;

    private final StorageInfo info;
    private final DescriptorStore store;
    private final Fd file;
    private final Mapping mapping;
    private final MemorySegment bytes;
    private final Runnable nextTurn = this::nextTurn;

    /** To be cleared, the first in part already. */
    private final ArrayDeque<StorageRequest> clearing = new ArrayDeque<>();

    /** How much of the first. */
    private long cleared;

    /** What was cleared since there was last too much for one turn. */
    private long effort;

    /** Whether the rest is cleared in the next turn. */
    private boolean goesOn;

    /** Whether it is being cleared now. */
    private boolean busy;

    private @Nullable EventLoop loop;

    /**
     * Gone with this process.
     *
     * @param size in bytes, more than 0
     * @throws StorageException when the system has no room for it
     */
    public MemoryStorage(long size) {
        this(size, DescriptorStore.NONE);
    }

    /**
     * As a process before this one has left it in {@code store}, or new.
     *
     * @param size in bytes, more than 0
     * @param store for this disk alone
     * @throws StorageException when the system has no room for it, or it has another size there
     */
    public MemoryStorage(long size, DescriptorStore store) {
        if (size <= 0 || size > Long.MAX_VALUE - PAGE) {
            throw new StorageException(
                    "a memory disk of %d bytes: at least 1 byte is needed".formatted(size));
        }
        info = new StorageInfo(size, 1, false, false, true, true);
        this.store = store;
        var kept = store.get(NAME);
        file = kept == null ? create(size) : kept;
        try {
            if (kept != null) {
                requireSame(kept, size);
            }
            mapping = Mapping.shared(file, 0, size, Mapping.Access.READ_WRITE);
            bytes = mapping.segment();
            if (kept == null) {
                store.put(NAME, file);
            }
        } catch (SyscallException e) {
            file.close();
            throw refused(size, e);
        } catch (StorageException e) {
            file.close();
            throw e;
        }
    }

    /** A shared mapping of a file without a name: only a file can have pages taken out of it. */
    private static Fd create(long size) {
        try {
            var made = MemoryFile.create("muser-memory-disk", size);
            try {
                MemoryFile.seal(made, SEALS);
                return made;
            } catch (SyscallException e) {
                made.close();
                throw e;
            }
        } catch (SyscallException e) {
            throw refused(size, e);
        }
    }

    private static void requireSame(Fd kept, long size) {
        var status = FileStatus.of(kept);
        if (!status.isRegular() || MemoryFile.seals(kept) != SEALS) {
            throw new StorageException("what is stored as a memory disk is none");
        }
        if (status.size() != size) {
            throw new StorageException(
                    "the memory disk that is stored has %d bytes, not %d: give it that size again"
                            .formatted(status.size(), size));
        }
    }

    private static StorageException refused(long size, SyscallException e) {
        return new StorageException(
                "a memory disk of %d bytes: %s; choose a smaller size"
                        .formatted(size, e.getMessage()),
                e);
    }

    @Override
    public StorageInfo info() {
        return info;
    }

    @Override
    public void start(EventLoop newLoop) {
        loop = newLoop;
    }

    @Override
    public void submit(StorageRequest request) {
        switch (request.operation()) {
            case READ ->
                    request.complete(request.put(0, bytes, request.offset(), request.length()));
            case WRITE ->
                    request.complete(request.get(0, bytes, request.offset(), request.length()));
            case FLUSH -> request.complete(0);
            case DISCARD, ZERO -> clear(request);
        }
    }

    private void clear(StorageRequest request) {
        if (loop == null) {
            request.complete(clear(request.offset(), request.length()));
        } else {
            clearing.add(request);
            if (!busy && !goesOn) {
                clearSome();
            }
        }
    }

    /** Clears as much as one turn may, and goes on in the next. */
    private void clearSome() {
        busy = true;
        try {
            while (!clearing.isEmpty() && effort < EFFORT_AT_ONCE) {
                clearPart(clearing.element());
            }
        } finally {
            busy = false;
            if (!clearing.isEmpty() && !goesOn && loop != null) {
                goesOn = true;
                loop.execute(nextTurn);
            }
        }
    }

    private void clearPart(StorageRequest request) {
        long at = request.offset() + cleared;
        long end = request.offset() + request.length();
        // ends at a page's edge, so that no page is left to be zeroed in two halves
        long next = Math.min(end, (at + EFFORT_AT_ONCE) & -PAGE);
        int errno = clear(at, next - at);
        cleared += next - at;
        effort += next - at + EFFORT_OF_A_CALL;
        if (errno != 0 || next == end) {
            cleared = 0;
            clearing.remove();
            request.complete(errno); // may bring the next
        }
    }

    private void nextTurn() {
        goesOn = false;
        effort = 0;
        clearSome();
    }

    /** Gives whole pages back, and zeroes what is left of others. */
    private int clear(long offset, long length) {
        long end = offset + length;
        long firstPage = (offset + PAGE - 1) & -PAGE;
        long lastPage = end & -PAGE;
        if (firstPage >= lastPage) {
            bytes.asSlice(offset, length).fill((byte) 0);
            return 0;
        }
        bytes.asSlice(offset, firstPage - offset).fill((byte) 0);
        bytes.asSlice(lastPage, end - lastPage).fill((byte) 0);
        try {
            MemoryFile.clear(file, firstPage, lastPage - firstPage);
        } catch (SyscallException e) {
            return e.errno();
        }
        return 0;
    }

    @Override
    public Fd memory() {
        return file;
    }

    @Override
    public void cancel() {
        cleared = 0;
        // only those of now: a completion may bring the next
        for (int n = clearing.size(); n > 0; n--) {
            clearing.remove().complete(Errno.ECANCELED);
        }
    }

    @Override
    public void forget() {
        store.remove(NAME);
    }

    @Override
    public void close() {
        mapping.close();
        file.close();
    }
}
