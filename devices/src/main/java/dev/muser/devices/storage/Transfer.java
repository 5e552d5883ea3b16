package dev.muser.devices.storage;

import dev.muser.linux.IoVector;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A request under way, and the one system call that is its next step. There are as many as can be
 * under way; they are used again and again. The loop's thread fills it in; a worker reads the call
 * and writes {@link #result}, with a lock before and after.
 */
final class Transfer {
    /** Which system call. */
    enum Call {
        READ,
        WRITE,
        SYNC,
        ALLOCATE,
        DISCARD
    }

    private static final int PIECES = 64;

    /** The most that one call moves: what the kernel allows, in whole pages. */
    private static final long MOST = 1L << 30;

    final int index;
    final IoVector vector = new IoVector(PIECES);

    private @Nullable StorageRequest request;

    /** What has been read or written already. */
    long done;

    /** Where the data are between file and client, if they cannot go directly. */
    @Nullable BounceBuffer bounce;

    int retries;

    /** Nobody wants more of it. */
    boolean cancelled;

    /** Zeros must be written: the file system makes them of this range in no other way. */
    boolean writesZeros;

    // the piece where the call begins, and where that one begins in the request
    private int piece;
    private int pieceCount;
    private long pieceStart;
    private long pieceAddress;

    Call call = Call.SYNC;
    long position;
    long length;

    /** Flags of a write, mode of an allocation. */
    int flags;

    /** The first piece of the vector. */
    long address;

    long result;

    /** In a queue of workers. */
    @Nullable Transfer next;

    Transfer(int index) {
        this.index = index;
    }

    void use(StorageRequest newRequest) {
        request = newRequest;
        done = 0;
        retries = 0;
        writesZeros = false;
        cancelled = false;
        piece = 0;
        pieceCount = 0;
        pieceStart = 0;
    }

    StorageRequest request() {
        return Objects.requireNonNull(request);
    }

    StorageRequest release() {
        var was = request();
        request = null;
        return was;
    }

    boolean isFree() {
        return request == null;
    }

    /** Whether its call moves bytes. */
    boolean moves() {
        return call == Call.READ || call == Call.WRITE;
    }

    /** Whether its call uses addresses of the client's memory. */
    boolean touchesClient() {
        return moves() && bounce == null && !writesZeros;
    }

    /** Moves what is left directly from or to the client's pieces. */
    void gather() {
        var from = request();
        long left = Math.min(from.length() - done, MOST);
        int pieces = from.pieces();
        start(from.offset() + done);
        int i = firstPiece(from, pieces);
        long skip = done - pieceStart;
        while (i < pieces && left > 0) {
            long size = from.pieceLength(i);
            if (skip < size) {
                long count = Math.min(size - skip, left);
                if (!add(from.pieceAddress(i) + skip, count)) {
                    return; // the rest comes with the next call
                }
                left -= count;
                skip = 0;
            } else {
                skip -= size;
            }
            i++;
        }
    }

    /** Finds the piece where it goes on: not before the last one, if those are still the same. */
    private int firstPiece(StorageRequest from, int pieces) {
        if (pieces != pieceCount
                || piece >= pieces
                || done < pieceStart
                || from.pieceAddress(piece) != pieceAddress) {
            piece = 0;
            pieceStart = 0;
            pieceCount = pieces;
        }
        while (piece < pieces && done - pieceStart >= from.pieceLength(piece)) {
            pieceStart += from.pieceLength(piece);
            piece++;
        }
        pieceAddress = piece < pieces ? from.pieceAddress(piece) : 0;
        return piece;
    }

    /** Moves the next part by a buffer of ours, again and again if that is how to fill it. */
    void gather(MemorySegment buffer, long most) {
        start(request().offset() + done);
        long left = Math.min(request().length() - done, most);
        while (left > 0) {
            long count = Math.min(left, buffer.byteSize());
            if (!add(buffer.address(), count)) {
                return;
            }
            left -= count;
        }
    }

    private void start(long where) {
        position = where;
        length = 0;
        vector.clear();
    }

    private boolean add(long piece, long count) {
        if (!vector.add(piece, count)) {
            return false;
        }
        if (vector.count() == 1) {
            address = piece;
        }
        length += count;
        return true;
    }

    void range(Call newCall, int mode) {
        call = newCall;
        flags = mode;
        position = request().offset();
        length = request().length();
    }
}
