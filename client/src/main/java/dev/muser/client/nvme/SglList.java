package dev.muser.client.nvme;

import static dev.muser.client.nvme.LittleEndian.U64;

import dev.muser.client.DmaBuffer;

/**
 * A Scatter Gather List (NVMe base 1.4, 4.4): descriptors in memory that was set aside for them, to
 * which a command points by a (last) segment descriptor.
 */
public final class SglList {
    /** Of a descriptor, in bytes. */
    public static final int ENTRY_SIZE = 16;

    /** Descriptor types, the high half of the type byte; sub type 0 is an address. */
    public static final int DATA_BLOCK = 0x00;

    public static final int BIT_BUCKET = 0x10;
    public static final int SEGMENT = 0x20;
    public static final int LAST_SEGMENT = 0x30;
    public static final int KEYED_DATA_BLOCK = 0x40;

    private final DmaBuffer buffer;
    private final long offset;
    private final int capacity;
    private int count;

    /** Uses {@code buffer} from {@code offset} on for up to {@code capacity} descriptors. */
    public SglList(DmaBuffer buffer, long offset, int capacity) {
        if (offset < 0
                || (offset & 7) != 0
                || offset > buffer.size() - (long) capacity * ENTRY_SIZE) {
            throw new IllegalArgumentException(
                    "an SGL of %d descriptors at 0x%x of a buffer of 0x%x bytes"
                            .formatted(capacity, offset, buffer.size()));
        }
        this.buffer = buffer;
        this.offset = offset;
        this.capacity = capacity;
    }

    /** Returns the second half of a descriptor: length @0, reserved, type and sub type @7. */
    static long descriptor(int length, int type) {
        return Integer.toUnsignedLong(length) | ((long) type << 56);
    }

    /** Hot. Starts anew. */
    public SglList begin() {
        count = 0;
        return this;
    }

    /** Hot. Adds a piece of the data. */
    public SglList dataBlock(long iova, int length) {
        return add(iova, length, DATA_BLOCK);
    }

    /** Hot. Adds bytes that a read is to drop. */
    public SglList bitBucket(int length) {
        return add(0, length, BIT_BUCKET);
    }

    /** Hot. Adds where the list goes on, in {@code length} bytes of descriptors. */
    public SglList segment(long iova, int length, boolean isLast) {
        return add(iova, length, isLast ? LAST_SEGMENT : SEGMENT);
    }

    /** Hot. Adds any descriptor: also one that does not exist. */
    public SglList add(long address, int length, int type) {
        if (count == capacity) {
            throw new IllegalStateException(
                    "an SGL of %d descriptors has no room for another".formatted(capacity));
        }
        long at = offset + (long) count * ENTRY_SIZE;
        buffer.segment().set(U64, at, address);
        buffer.segment().set(U64, at + 8, descriptor(length, type));
        count++;
        return this;
    }

    /** Hot. Has a command use this list, as its one and last segment. */
    public void putInto(SubmissionEntry entry) {
        entry.sgl(iova(), count * ENTRY_SIZE, LAST_SEGMENT);
    }

    /** Returns where the controller finds it. */
    public long iova() {
        return buffer.iova(offset);
    }
}
