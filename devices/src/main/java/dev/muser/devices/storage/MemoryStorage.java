package dev.muser.devices.storage;

import dev.muser.device.EventLoop;
import dev.muser.linux.Fd;
import dev.muser.linux.Mapping;
import dev.muser.linux.MemoryFile;
import dev.muser.linux.SyscallException;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Bytes in this process's memory, gone with it. Pages are taken when they are first written, and
 * given back when they are discarded: the size is only bounded by what the machine maps.
 */
public final class MemoryStorage implements Storage {
    private static final long PAGE = 4096;

    /**
     * Pages are given back this many bytes at a time, some 5 ms for pages that were in use: the
     * loop has other disks to serve.
     */
    private static final long CLEARED_AT_ONCE = 64L << 20;

    private final StorageInfo info;
    private final Fd file;
    private final Mapping mapping;
    private final MemorySegment bytes;
    private @Nullable EventLoop loop;

    /**
     * @param size in bytes, more than 0
     * @throws StorageException when the system has no room for it
     */
    public MemoryStorage(long size) {
        if (size <= 0 || size > Long.MAX_VALUE - PAGE) {
            throw new StorageException(
                    "a memory disk of %d bytes: at least 1 byte is needed".formatted(size));
        }
        info = new StorageInfo(size, 1, false, false, true, true);
        // A shared mapping of a file without a name: only a file can have pages taken out of it.
        try {
            file = MemoryFile.create("muser-memory-disk", size);
        } catch (SyscallException e) {
            throw refused(size, e);
        }
        try {
            MemoryFile.seal(
                    file, MemoryFile.SEAL_SHRINK | MemoryFile.SEAL_GROW | MemoryFile.SEAL_SEAL);
            mapping = Mapping.shared(file, 0, size, Mapping.Access.READ_WRITE);
        } catch (SyscallException e) {
            file.close();
            throw refused(size, e);
        }
        bytes = mapping.segment();
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
        long length = request.length();
        if (length <= CLEARED_AT_ONCE || loop == null) {
            request.complete(clear(request.offset(), length));
        } else {
            new Clearing(request, loop).run();
        }
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

    /** A long range, cleared in several turns of the loop. */
    private final class Clearing implements Runnable {
        private final StorageRequest request;
        private final EventLoop turns;
        private long at;
        private final long end;

        Clearing(StorageRequest request, EventLoop turns) {
            this.request = request;
            this.turns = turns;
            at = request.offset();
            end = at + request.length();
        }

        @Override
        public void run() {
            // Ends at a page's edge, so that no page is left to be zeroed in two halves.
            long next = Math.min(end, (at + CLEARED_AT_ONCE) & -PAGE);
            int errno = clear(at, next - at);
            at = next;
            if (errno != 0 || at == end) {
                request.complete(errno);
            } else {
                turns.execute(this);
            }
        }
    }

    @Override
    public void close() {
        mapping.close();
        file.close();
    }
}
