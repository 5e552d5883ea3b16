package dev.muser.fuzz;

import dev.muser.devices.storage.StorageOperation;
import dev.muser.devices.storage.StorageRequest;
import java.lang.foreign.MemorySegment;

/** A request whose client memory is an array, and which counts its completions. */
final class BlockRequest extends StorageRequest {
    private final MemorySegment data;
    private int completions;

    BlockRequest(StorageOperation operation, long offset, int length) {
        data = MemorySegment.ofArray(new byte[length]);
        prepare(operation, offset, length, false, false);
    }

    int completions() {
        return completions;
    }

    @Override
    public int put(long at, MemorySegment from, long position, long count) {
        MemorySegment.copy(from, position, data, at, count);
        return 0;
    }

    @Override
    public int get(long at, MemorySegment into, long position, long count) {
        MemorySegment.copy(data, at, into, position, count);
        return 0;
    }

    @Override
    public int pieces() {
        throw new UnsupportedOperationException("no addresses");
    }

    @Override
    public long pieceAddress(int index) {
        throw new UnsupportedOperationException("no addresses");
    }

    @Override
    public long pieceLength(int index) {
        throw new UnsupportedOperationException("no addresses");
    }

    @Override
    public void complete(int errno) {
        completions++;
    }

    @Override
    public void completeLater(int errno) {
        throw new UnsupportedOperationException("another thread");
    }

    @Override
    public void completeLater(int errno, MemorySegment from) {
        throw new UnsupportedOperationException("another thread");
    }
}
