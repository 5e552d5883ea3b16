package dev.muser.testkit.storage;

import dev.muser.devices.storage.StorageOperation;
import dev.muser.devices.storage.StorageRequest;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.CompletableFuture;

/** A request whose client memory is an array. */
final class ArrayRequest extends StorageRequest {
    private final byte[] data;
    private final MemorySegment segment;

    /** The errno it was completed with. */
    final CompletableFuture<Integer> completed = new CompletableFuture<>();

    ArrayRequest(StorageOperation operation, long offset, byte[] data) {
        this(operation, offset, data.length, data);
    }

    ArrayRequest(StorageOperation operation, long offset, long length) {
        this(operation, offset, length, new byte[0]);
    }

    private ArrayRequest(StorageOperation operation, long offset, long length, byte[] data) {
        this.data = data;
        segment = MemorySegment.ofArray(data);
        prepare(operation, offset, length, false, true);
    }

    byte[] data() {
        return data;
    }

    @Override
    public int put(long at, MemorySegment from, long position, long count) {
        MemorySegment.copy(from, position, segment, at, count);
        return 0;
    }

    @Override
    public int get(long at, MemorySegment into, long position, long count) {
        MemorySegment.copy(segment, at, into, position, count);
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
        if (!completed.complete(errno)) {
            throw new IllegalStateException("completed twice");
        }
    }

    @Override
    public void completeLater(int errno) {
        throw new UnsupportedOperationException("not used by this engine");
    }

    @Override
    public void completeLater(int errno, MemorySegment bytes) {
        throw new UnsupportedOperationException("not used by this engine");
    }
}
