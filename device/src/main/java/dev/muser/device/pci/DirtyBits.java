package dev.muser.device.pci;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * One bit for each page of the client's addresses, in chunks that come into being when the first
 * page of one is marked: a guest uses little of 2^64.
 *
 * <p>Marks and new chunks are stored for good, before what they announce is written: no transaction
 * undoes them, and whoever has the memory after the death of this process has them. Forgetting is
 * part of the transaction that is going on.
 *
 * <p>When there is no room for a further chunk, all pages count as written from then on.
 *
 * <p>Owned by the device's thread.
 */
final class DirtyBits {
    static final int CHUNK_BYTES = 4096;
    static final int PAGES_SHIFT = 15;
    private static final int WORDS = CHUNK_BYTES / 8;

    // the memory: chunks in use @0, whether there was no room for one @8; @4096 the numbers of the
    // chunks, 8 bytes each, filled up to a page; then the chunks
    private static final int USED = 0;
    private static final int OVERFLOW = 8;
    private static final int NUMBERS = 4096;
    private static final int RECENT = 256;
    private static final int NOT_FOUND = -1;

    private static final ValueLayout.OfLong LONG =
            ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle LONGS = LONG.varHandle();

    private final LogMemory memory;
    private final MemorySegment bytes;
    private final int limit;
    private final int shift;
    private final long chunksAt;
    private int used;
    private boolean overflow;

    /** A hash table of the chunks' numbers, plus one; 0 where there is none. */
    private long[] numbers = new long[64];

    private int[] chunks = new int[64];

    /**
     * Pages that are marked, each where its low bits say: most writes go where others have gone a
     * short while ago, and need no more than a look here.
     */
    private final long[] recent = new long[RECENT];

    private long recentNumber = -1;
    private long recentAt;

    /**
     * @param memory of {@link #bytesFor} bytes
     * @param limit how many chunks there can be
     * @param shift the page size is 2 to the power of this, 0 to 12
     * @param fresh whether nothing is marked, whatever the memory says
     */
    DirtyBits(LogMemory memory, int limit, int shift, boolean fresh) {
        this.memory = memory;
        this.limit = limit;
        this.shift = shift;
        bytes = memory.bytes();
        chunksAt = chunksAt(limit);
        forgetRecent();
        if (fresh) {
            bytes.set(LONG, USED, 0);
            bytes.set(LONG, OVERFLOW, 0);
        }
        overflow = bytes.get(LONG, OVERFLOW) != 0;
        int stored = Math.clamp(bytes.get(LONG, USED), 0, limit);
        for (used = 0; used < stored; used++) {
            enter(numberOf(used), used);
        }
    }

    static long bytesFor(int limit) {
        return chunksAt(limit) + (long) limit * CHUNK_BYTES;
    }

    private static long chunksAt(int limit) {
        return NUMBERS + ((limit * 8L + CHUNK_BYTES - 1) & -CHUNK_BYTES);
    }

    int shift() {
        return shift;
    }

    /** Whether all pages count as written. */
    boolean overflow() {
        return overflow;
    }

    int chunks() {
        return used;
    }

    /** Returns the number of a chunk: that of its first page, shifted. */
    long numberOf(int chunk) {
        return bytes.get(LONG, NUMBERS + chunk * 8L);
    }

    /** Returns which chunk has that number, or a negative number. */
    int find(long number) {
        int mask = numbers.length - 1;
        for (int i = hash(number) & mask; numbers[i] != 0; i = (i + 1) & mask) {
            if (numbers[i] == number + 1) {
                return chunks[i];
            }
        }
        return NOT_FOUND;
    }

    /** Returns 64 bits of a chunk. */
    long word(int chunk, int index) {
        return bytes.get(LONG, wordAt(chunk, index));
    }

    private long wordAt(int chunk, int index) {
        return chunksAt + (long) chunk * CHUNK_BYTES + index * 8L;
    }

    /** Hot. Marks all pages of a range, which is not empty and does not wrap. */
    void mark(long iova, long length) {
        long first = iova >>> shift;
        long last = (iova + length - 1) >>> shift;
        if (first != last) {
            markAll(first, last);
        } else if (recent[(int) first & (RECENT - 1)] != first) {
            markOne(first);
        }
    }

    private void markOne(long page) {
        long number = page >>> PAGES_SHIFT;
        if (number != recentNumber && !select(number)) {
            return;
        }
        recent[(int) page & (RECENT - 1)] = page;
        set(recentAt + ((page >>> 3) & (CHUNK_BYTES - 8)), 1L << page);
        // what is announced here may not be written before
        VarHandle.storeStoreFence();
    }

    private void markAll(long first, long last) {
        for (long number = first >>> PAGES_SHIFT; number <= last >>> PAGES_SHIFT; number++) {
            if (number != recentNumber && !select(number)) {
                return; // there is no room for the others either
            }
            int from = number == first >>> PAGES_SHIFT ? inChunk(first) : 0;
            int to = number == last >>> PAGES_SHIFT ? inChunk(last) : WORDS * 64 - 1;
            for (int word = from >>> 6; word <= to >>> 6; word++) {
                set(recentAt + word * 8L, mask(word, from, to));
            }
        }
        VarHandle.storeStoreFence();
    }

    static int inChunk(long page) {
        return (int) page & (WORDS * 64 - 1);
    }

    /** Returns which bits of a chunk's word belong to pages {@code from} to {@code to} of it. */
    static long mask(int word, int from, int to) {
        long low = word == from >>> 6 ? -1L << from : -1L;
        return word == to >>> 6 ? low & (-1L >>> (63 - to)) : low;
    }

    private void set(long at, long mask) {
        long before = bytes.get(LONG, at);
        if ((before & mask) != mask) {
            memory.beforeNow();
            bytes.set(LONG, at, before | mask);
        }
    }

    /** Makes that chunk the recent one; returns false when there is no room for it. */
    private boolean select(long number) {
        int chunk = find(number);
        if (chunk < 0) {
            chunk = make(number);
        }
        if (chunk < 0) {
            return false;
        }
        recentNumber = number;
        recentAt = wordAt(chunk, 0);
        return true;
    }

    private int make(long number) {
        if (used == limit) {
            if (!overflow) {
                memory.beforeNow();
                bytes.set(LONG, OVERFLOW, 1L);
                VarHandle.storeStoreFence();
                overflow = true;
            }
            return NOT_FOUND;
        }
        int chunk = used++;
        // it may have been in use when the log was on before
        bytes.asSlice(wordAt(chunk, 0), CHUNK_BYTES).fill((byte) 0);
        bytes.set(LONG, NUMBERS + chunk * 8L, number);
        memory.beforeNow();
        LONGS.setRelease(bytes, (long) USED, (long) used);
        enter(number, chunk);
        return chunk;
    }

    private void enter(long number, int chunk) {
        if (2 * used >= numbers.length) {
            numbers = new long[2 * numbers.length];
            chunks = Arrays.copyOf(chunks, numbers.length);
            for (int i = 0; i < used; i++) {
                place(numberOf(i), i);
            }
        }
        place(number, chunk);
    }

    private void place(long number, int chunk) {
        int mask = numbers.length - 1;
        int i = hash(number) & mask;
        while (numbers[i] != 0 && numbers[i] != number + 1) {
            i = (i + 1) & mask;
        }
        numbers[i] = number + 1;
        chunks[i] = chunk;
    }

    private static int hash(long number) {
        long mixed = number * 0x9e37_79b9_7f4a_7c15L;
        return (int) (mixed >>> 32);
    }

    /** Forgets pages {@code from} to {@code to} of a chunk, counted from its start. */
    void forget(int chunk, int from, int to) {
        forgetRecent();
        int first = from >>> 6;
        int last = to >>> 6;
        int saved = first; // what is zero needs no undoing
        for (int word = first; word <= last; word++) {
            long at = wordAt(chunk, word);
            long before = bytes.get(LONG, at);
            long after = before & ~mask(word, from, to);
            if (after != before) {
                if (word >= saved) {
                    saved = endOfRun(chunk, word, last);
                    memory.save(at, (saved - word) * 8L);
                }
                bytes.set(LONG, at, after);
            }
        }
    }

    private void forgetRecent() {
        for (int i = 0; i < RECENT; i++) {
            recent[i] = i ^ 1; // whose place is not here
        }
    }

    /** Returns the word after the last of those that are not zero from {@code word} on. */
    private int endOfRun(int chunk, int word, int last) {
        int end = word + 1;
        while (end <= last && word(chunk, end) != 0) {
            end++;
        }
        return end;
    }
}
