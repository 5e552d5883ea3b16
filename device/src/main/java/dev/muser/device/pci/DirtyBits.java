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
    private static final int RECENT = 64;
    private static final int NOT_FOUND = -1;

    /** So many marks in vain pay for a look at what need not be marked. */
    private static final int LOOK_AFTER = 1024;

    /** How many words it has each way: of 256 MiB, by pages of 4096. */
    private static final int LOOK_WORDS = 1024;

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

    // numbers of chunks, each where its low bits say, and where the chunk is
    private final long[] recentNumbers = new long[RECENT];
    private final long[] recentAt = new long[RECENT];

    private final MarkedRun marked;
    private int inVain;

    /**
     * @param memory of {@link #bytesFor} bytes
     * @param limit how many chunks there can be
     * @param shift the page size is 2 to the power of this, 0 to 12
     * @param fresh whether nothing is marked, whatever the memory says
     * @param marked is kept as what needs no mark here
     */
    DirtyBits(LogMemory memory, int limit, int shift, boolean fresh, MarkedRun marked) {
        this.memory = memory;
        this.limit = limit;
        this.shift = shift;
        this.marked = marked;
        bytes = memory.bytes();
        chunksAt = chunksAt(limit);
        Arrays.fill(recentNumbers, NOT_FOUND);
        marked.clear();
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
        if (first == last ? markOne(first) : markAll(first, last)) {
            // what is announced here may not be written before
            VarHandle.storeStoreFence();
        } else if (++inVain == LOOK_AFTER) {
            inVain = 0;
            look(first);
        }
    }

    /** Returns whether it was not marked before. */
    private boolean markOne(long page) {
        long chunkAt = chunkAt(page >>> PAGES_SHIFT);
        return chunkAt >= 0 && set(chunkAt + wordOf(page), 1L << page);
    }

    /** Returns whether not all were marked before. */
    private boolean markAll(long first, long last) {
        boolean changed = false;
        for (long number = first >>> PAGES_SHIFT; number <= last >>> PAGES_SHIFT; number++) {
            long chunkAt = chunkAt(number);
            if (chunkAt < 0) {
                break; // there is no room for the others either
            }
            int from = number == first >>> PAGES_SHIFT ? inChunk(first) : 0;
            int to = number == last >>> PAGES_SHIFT ? inChunk(last) : WORDS * 64 - 1;
            for (int word = from >>> 6; word <= to >>> 6; word++) {
                changed |= set(chunkAt + word * 8L, mask(word, from, to));
            }
        }
        return changed;
    }

    /** Where in its chunk the word of a page is. */
    private static long wordOf(long page) {
        return (page >>> 3) & (CHUNK_BYTES - 8);
    }

    /**
     * Looks how far what is marked reaches from a page on, both ways: there no mark is needed until
     * something is forgotten.
     */
    private void look(long page) {
        long end = page;
        for (int i = 0, n = 1; n != 0 && (i == 0 || (end & 63) == 0) && i < LOOK_WORDS; i++) {
            n = Long.numberOfTrailingZeros(~(marks(end) >>> end));
            end += n;
        }
        long before = page;
        for (int i = 0, n = 1; n != 0 && (i == 0 || (before & 63) == 63) && i < LOOK_WORDS; i++) {
            n = Long.numberOfLeadingZeros(~(marks(before) << ~before));
            before -= n;
        }
        if (end != page) { // else there was no room for a mark
            marked.grow((before + 1) << shift, (end << shift) - 1);
        }
    }

    /** Returns the word that has a page. */
    private long marks(long page) {
        int chunk = find(page >>> PAGES_SHIFT);
        return chunk < 0 ? 0 : bytes.get(LONG, wordAt(chunk, 0) + wordOf(page));
    }

    static int inChunk(long page) {
        return (int) page & (WORDS * 64 - 1);
    }

    /** Returns which bits of a chunk's word belong to pages {@code from} to {@code to} of it. */
    static long mask(int word, int from, int to) {
        long low = word == from >>> 6 ? -1L << from : -1L;
        return word == to >>> 6 ? low & (-1L >>> (63 - to)) : low;
    }

    /** Returns whether something was not set before. */
    private boolean set(long at, long mask) {
        long before = bytes.get(LONG, at);
        long after = before | mask;
        if (after == before) {
            return false;
        }
        memory.beforeNow();
        bytes.set(LONG, at, after);
        return true;
    }

    /** Returns where the chunk of that number is, or a negative number: there is no room for it. */
    private long chunkAt(long number) {
        int slot = (int) number & (RECENT - 1);
        return recentNumbers[slot] == number ? recentAt[slot] : select(number, slot);
    }

    private long select(long number, int slot) {
        int chunk = find(number);
        if (chunk < 0) {
            chunk = make(number);
        }
        if (chunk < 0) {
            return NOT_FOUND;
        }
        recentNumbers[slot] = number;
        recentAt[slot] = wordAt(chunk, 0);
        return recentAt[slot];
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
        marked.clear();
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

    /** Returns the word after the last of those that are not zero from {@code word} on. */
    private int endOfRun(int chunk, int word, int last) {
        int end = word + 1;
        while (end <= last && word(chunk, end) != 0) {
            end++;
        }
        return end;
    }
}
