package dev.muser.linux;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Pieces of memory that one system call reads into or writes from: an array of {@code struct
 * iovec}. It stays as it is until the call, or the operation of an {@link IoUring}, is done.
 *
 * <p>The pieces are raw addresses: the kernel answers EFAULT for those that are not mapped, and
 * overwrites whatever lies at those that are.
 */
public final class IoVector {
    /** The most that the kernel takes at once ({@code IOV_MAX}). */
    public static final int MAXIMUM = 1024;

    // struct iovec: base u64 @0, length u64 @8
    private static final int ENTRY = 16;

    private MemorySegment entries;
    private int capacity;
    private int count;

    public IoVector(int capacity) {
        this.capacity = capacity;
        entries = Arena.ofAuto().allocate((long) ENTRY * capacity, 8);
    }

    /** Hot. */
    public void clear() {
        count = 0;
    }

    /** Hot. Returns of how many pieces it consists. */
    public int count() {
        return count;
    }

    /**
     * Hot; grows for more pieces than it ever had.
     *
     * @return false when it is full, with {@link #MAXIMUM} pieces
     */
    public boolean add(long address, long length) {
        if (count == capacity && !grow()) {
            return false;
        }
        entries.set(JAVA_LONG, (long) count * ENTRY, address);
        entries.set(JAVA_LONG, (long) count * ENTRY + 8, length);
        count++;
        return true;
    }

    private boolean grow() {
        int wanted = Math.min(MAXIMUM, Math.max(8, capacity * 2));
        if (wanted <= count) {
            return false;
        }
        var grown = Arena.ofAuto().allocate((long) ENTRY * wanted, 8);
        MemorySegment.copy(entries, 0, grown, 0, (long) ENTRY * count);
        entries = grown;
        capacity = wanted;
        return true;
    }

    /** Hot. Returns where the array is. */
    long address() {
        return entries.address();
    }
}
