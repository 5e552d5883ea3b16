package dev.muser.devices.storage;

import java.lang.foreign.MemorySegment;

/**
 * One request to a storage engine. It belongs to the engine from {@link Storage#submit} until it is
 * completed, and is used for others afterwards: keep no reference.
 *
 * <p>Its data lie in the memory of the client. An engine reaches them in one of three ways:
 *
 * <ul>
 *   <li>by copying, on the loop's thread: {@link #put} for a read, {@link #get} for a write;
 *   <li>by handing over bytes of its own, from any thread: {@link #completeLater(int,
 *       MemorySegment)};
 *   <li>by addresses, for system calls: {@link #pieces}, {@link #pieceAddress}, {@link
 *       #pieceLength}. The client can take unsealed memory away; then a system call says EFAULT,
 *       while a Java access would fault. Use {@link Storage#quiesce} to be told of the end.
 * </ul>
 *
 * <p>On the loop's thread only, but for the methods named {@code completeLater}.
 */
public abstract class StorageRequest {
    private StorageOperation operation = StorageOperation.FLUSH;
    private long offset;
    private long length;
    private boolean forceUnitAccess;
    private boolean mayDeallocate;

    /** For the engine alone: whatever it needs to find its own record of this request. */
    private long tag;

    protected StorageRequest() {}

    /** Prepares it to be submitted. */
    protected final void prepare(
            StorageOperation newOperation,
            long newOffset,
            long newLength,
            boolean newForceUnitAccess,
            boolean newMayDeallocate) {
        operation = newOperation;
        offset = newOffset;
        length = newLength;
        forceUnitAccess = newForceUnitAccess;
        mayDeallocate = newMayDeallocate;
        tag = 0;
    }

    /** Hot. */
    public final StorageOperation operation() {
        return operation;
    }

    /** Hot. Returns where the range begins, in bytes; 0 for a flush. */
    public final long offset() {
        return offset;
    }

    /** Hot. Returns how long the range is, in bytes; 0 for a flush. */
    public final long length() {
        return length;
    }

    /** Hot. Whether the data must be durable before a write, or zeroing, completes. */
    public final boolean forceUnitAccess() {
        return forceUnitAccess;
    }

    /** Whether the room of a range that becomes zero may be given back. */
    public final boolean mayDeallocate() {
        return mayDeallocate;
    }

    /** Returns what the engine noted with {@link #tag(long)}; 0 before. */
    public final long tag() {
        return tag;
    }

    /** Notes something for the engine. */
    public final void tag(long value) {
        tag = value;
    }

    /**
     * Hot. Copies into the client's memory: data of a read.
     *
     * @param at where, in bytes from the start of the request's range
     * @return 0, or EFAULT when the client has taken its memory away, or ECANCELED when nobody
     *     waits for the request any more; complete the request with it
     */
    public abstract int put(long at, MemorySegment from, long position, long count);

    /** Hot. Copies out of the client's memory: data of a write. As {@link #put}. */
    public abstract int get(long at, MemorySegment into, long position, long count);

    /**
     * Hot. Returns of how many pieces of this process's memory the data consist: none when the
     * client has taken memory away, which makes the request EFAULT. Call it anew in each turn of
     * the loop, and after each {@link Storage#quiesce}.
     */
    public abstract int pieces();

    /** Hot. Returns the address of a piece. */
    public abstract long pieceAddress(int index);

    /** Hot. Returns the length of a piece, in bytes. */
    public abstract long pieceLength(int index);

    /**
     * Hot. It is done.
     *
     * @param errno 0, or what went wrong, one of {@link dev.muser.linux.Errno}
     */
    public abstract void complete(int errno);

    /** It is done, says any thread. */
    public abstract void completeLater(int errno);

    /**
     * A read is done, says any thread.
     *
     * @param data all {@link #length} bytes, heap or native, usable by the loop's thread; left
     *     alone until they have been copied
     */
    public abstract void completeLater(int errno, MemorySegment data);
}
