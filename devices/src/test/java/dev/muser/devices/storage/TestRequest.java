package dev.muser.devices.storage;

import dev.muser.linux.Errno;
import java.lang.foreign.MemorySegment;
import java.util.List;

/** A request of a test, whose data are pieces of native memory. */
final class TestRequest extends StorageRequest {
    private final List<MemorySegment> pieces;
    private int completions;
    private int errno;
    private boolean abandoned;

    TestRequest(StorageOperation operation, long offset, MemorySegment... pieces) {
        this(operation, offset, false, pieces);
    }

    TestRequest(StorageOperation operation, long offset, boolean durable, MemorySegment... pieces) {
        this.pieces = List.of(pieces);
        long length = this.pieces.stream().mapToLong(MemorySegment::byteSize).sum();
        prepare(operation, offset, length, durable, false);
    }

    /** One without data. */
    static TestRequest range(
            StorageOperation operation, long offset, long length, boolean mayDeallocate) {
        var request = new TestRequest(operation, 0);
        request.prepare(operation, offset, length, false, mayDeallocate);
        return request;
    }

    static TestRequest durableZero(long offset, long length) {
        var request = new TestRequest(StorageOperation.ZERO, 0);
        request.prepare(StorageOperation.ZERO, offset, length, true, true);
        return request;
    }

    static TestRequest flush() {
        return new TestRequest(StorageOperation.FLUSH, 0);
    }

    /** Submits it anew. */
    void again() {
        completions = 0;
    }

    /** Nobody waits for it any more. */
    void abandon() {
        abandoned = true;
    }

    boolean isDone() {
        if (completions > 1) {
            throw new AssertionError("completed %d times".formatted(completions));
        }
        return completions == 1;
    }

    int errno() {
        if (!isDone()) {
            throw new AssertionError("not completed");
        }
        return errno;
    }

    private interface Copy {
        void between(MemorySegment piece, long at, long position, long count);
    }

    private int copy(long at, long position, long count, Copy copy) {
        if (abandoned) {
            return Errno.ECANCELED;
        }
        long skip = at;
        for (var piece : pieces) {
            if (skip < piece.byteSize() && count > 0) {
                long n = Math.min(count, piece.byteSize() - skip);
                copy.between(piece, skip, position, n);
                position += n;
                count -= n;
                skip = 0;
            } else {
                skip -= Math.min(skip, piece.byteSize());
            }
        }
        return 0;
    }

    @Override
    public int put(long at, MemorySegment from, long position, long count) {
        return copy(
                at,
                position,
                count,
                (piece, to, source, n) -> MemorySegment.copy(from, source, piece, to, n));
    }

    @Override
    public int get(long at, MemorySegment into, long position, long count) {
        return copy(
                at,
                position,
                count,
                (piece, from, target, n) -> MemorySegment.copy(piece, from, into, target, n));
    }

    @Override
    public int pieces() {
        return abandoned ? 0 : pieces.size();
    }

    @Override
    public long pieceAddress(int index) {
        return pieces.get(index).address();
    }

    @Override
    public long pieceLength(int index) {
        return pieces.get(index).byteSize();
    }

    @Override
    public void complete(int newErrno) {
        completions++;
        errno = newErrno;
    }

    @Override
    public void completeLater(int newErrno) {
        throw new AssertionError("completed by a thread");
    }

    @Override
    public void completeLater(int newErrno, MemorySegment data) {
        throw new AssertionError("completed by a thread");
    }
}
