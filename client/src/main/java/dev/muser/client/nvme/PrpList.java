package dev.muser.client.nvme;

import static dev.muser.client.nvme.LittleEndian.U64;

import dev.muser.client.DmaBuffer;

/**
 * Physical Region Pages (NVMe base 1.4, 4.3): the pages of a transfer as {@link #prp1}, {@link
 * #prp2} and, where two are not enough, a list in memory that was set aside for it and is used
 * again and again. A list of several pages is chained by its last entries.
 */
public final class PrpList {
    private final DmaBuffer buffer;
    private final long offset;
    private final int pageSize;
    private final int pages;
    private long prp1;
    private long prp2;
    private long last;
    private int count;
    private long cursor;
    private long pageEnd;

    /**
     * Uses {@code pages} pages of {@code buffer} from {@code offset} on for the list.
     *
     * @param offset a multiple of {@code pageSize}
     * @param pageSize in bytes, as in CC.MPS
     */
    public PrpList(DmaBuffer buffer, long offset, int pages, int pageSize) {
        if (offset < 0 || (offset & 7) != 0 || offset > buffer.size() - (long) pages * pageSize) {
            throw new IllegalArgumentException(
                    "a PRP list of %d pages of %d bytes at 0x%x of a buffer of 0x%x bytes"
                            .formatted(pages, pageSize, offset, buffer.size()));
        }
        this.buffer = buffer;
        this.offset = offset;
        this.pages = pages;
        this.pageSize = pageSize;
    }

    /** Returns how many list pages a transfer of {@code length} bytes may need at any offset. */
    public static int pagesFor(long length, int pageSize) {
        long entries = (length + pageSize - 1) / pageSize; // and one more, which is PRP1
        long perPage = pageSize / 8;
        return entries <= 1 ? 0 : (int) Math.max(1, (entries + perPage - 3) / (perPage - 1));
    }

    /** Hot. Describes {@code length} bytes at {@code iova}, at any offset into its page. */
    public PrpList set(long iova, long length) {
        begin();
        add(iova, length);
        return end();
    }

    /** Hot. Starts the description of a transfer in pieces. */
    public PrpList begin() {
        count = 0;
        prp1 = 0;
        prp2 = 0;
        return this;
    }

    /**
     * Hot. Adds a piece. Pieces but the first are to begin at a page, and pieces but the last to
     * end at one; what does not is described all the same, for the controller to refuse.
     */
    public PrpList add(long iova, long length) {
        long end = iova + length;
        for (long at = iova; at != end; ) {
            long left = end - at;
            page(at);
            at += Math.min(left, pageSize - (at & (pageSize - 1)));
        }
        return this;
    }

    /** Hot. Ends the description: {@link #prp1} and {@link #prp2} are good. */
    public PrpList end() {
        if (count == 2) {
            prp2 = last;
        }
        return this;
    }

    public long prp1() {
        return prp1;
    }

    public long prp2() {
        return prp2;
    }

    /** Returns where the controller finds the list. */
    public long iova() {
        return buffer.iova(offset);
    }

    /** Writes entry {@code index} of the list raw, counted through all its pages. */
    public void entry(int index, long value) {
        buffer.segment().set(U64, offset + 8L * index, value);
    }

    /** Returns entry {@code index} of the list, counted through all its pages. */
    public long entry(int index) {
        return buffer.segment().get(U64, offset + 8L * index);
    }

    private void page(long iova) {
        if (count == 0) {
            prp1 = iova;
        } else if (count == 1) {
            last = iova; // PRP2 itself, unless a third comes
        } else {
            if (count == 2) {
                prp2 = iova();
                cursor = offset;
                pageEnd = offset + pageSize;
                put(last);
            }
            put(iova);
        }
        count++;
    }

    /** The last entry of a page that turns out not to be the last page makes way for the chain. */
    private void put(long iova) {
        var memory = buffer.segment();
        if (cursor == pageEnd) {
            long next = pageEnd;
            if (next == offset + (long) pages * pageSize) {
                throw new IllegalArgumentException(
                        "%d PRPs do not fit into %d list pages".formatted(count, pages));
            }
            memory.set(U64, next, memory.get(U64, cursor - 8));
            memory.set(U64, cursor - 8, buffer.iova(next));
            cursor = next + 8;
            pageEnd = next + pageSize;
        }
        memory.set(U64, cursor, iova);
        cursor += 8;
    }
}
