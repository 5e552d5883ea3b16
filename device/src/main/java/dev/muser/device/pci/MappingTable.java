package dev.muser.device.pci;

import java.util.Arrays;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The mappings of a client, by address; none overlap.
 *
 * <p>Sorted chunks of at most 512 mappings, and the sorted first addresses of the chunks. A guest
 * with a vIOMMU maps page by page, up to a million of them: a look-up is two binary searches in
 * plain arrays without allocation, an insertion moves some hundred array elements.
 */
final class MappingTable {
    private static final int CHUNK = 512;

    private static final class Chunk {
        /** First addresses with the top bit flipped, so that signed order is address order. */
        final long[] keys = new long[CHUNK];

        final @Nullable DmaMapping[] mappings = new DmaMapping[CHUNK];
        int count;
    }

    private Chunk[] chunks = {new Chunk()};
    private long[] firstKeys = {Long.MIN_VALUE};
    private int chunkCount = 1;
    private int size;

    int size() {
        return size;
    }

    /** Hot. Returns the last mapping that begins at or before {@code address}, or null. */
    @Nullable DmaMapping floor(long address) {
        long key = address ^ Long.MIN_VALUE;
        int c = chunkOf(key);
        int i = positionIn(chunks[c], key);
        if (i < 0) {
            // between the end of the chunk before and the first mapping of this one
            c--;
            if (c < 0) {
                return null;
            }
            i = chunks[c].count - 1;
        }
        return chunks[c].mappings[i];
    }

    /** Hot. Returns the mapping that has {@code address}, or null. */
    @Nullable DmaMapping at(long address) {
        var mapping = floor(address);
        return mapping != null && mapping.contains(address) ? mapping : null;
    }

    /** Adds a mapping that overlaps none. */
    void add(DmaMapping mapping) {
        long key = mapping.iova ^ Long.MIN_VALUE;
        int c = chunkOf(key);
        if (chunks[c].count == CHUNK) {
            split(c);
            c = chunkOf(key);
        }
        var chunk = chunks[c];
        int i = positionIn(chunk, key) + 1;
        System.arraycopy(chunk.keys, i, chunk.keys, i + 1, chunk.count - i);
        System.arraycopy(chunk.mappings, i, chunk.mappings, i + 1, chunk.count - i);
        chunk.keys[i] = key;
        chunk.mappings[i] = mapping;
        chunk.count++;
        size++;
    }

    /** Removes a mapping that is in it. */
    void remove(DmaMapping mapping) {
        long key = mapping.iova ^ Long.MIN_VALUE;
        int c = chunkOf(key);
        var chunk = chunks[c];
        int i = positionIn(chunk, key);
        chunk.count--;
        System.arraycopy(chunk.keys, i + 1, chunk.keys, i, chunk.count - i);
        System.arraycopy(chunk.mappings, i + 1, chunk.mappings, i, chunk.count - i);
        chunk.mappings[chunk.count] = null;
        size--;
        if (chunk.count == 0 && chunkCount > 1) {
            drop(c);
        }
    }

    /** Removes all of them. */
    void clear() {
        chunks = new Chunk[] {new Chunk()};
        firstKeys = new long[] {Long.MIN_VALUE};
        chunkCount = 1;
        size = 0;
    }

    /** Calls {@code action} with each mapping in ascending order; it must not change the table. */
    void forEach(Consumer<DmaMapping> action) {
        for (int c = 0; c < chunkCount; c++) {
            for (int i = 0; i < chunks[c].count; i++) {
                var mapping = chunks[c].mappings[i];
                if (mapping != null) {
                    action.accept(mapping);
                }
            }
        }
    }

    /** A chunk owns the keys from its first key on; the first chunk owns all below, too. */
    private int chunkOf(long key) {
        int found = Arrays.binarySearch(firstKeys, 0, chunkCount, key);
        return found >= 0 ? found : Math.max(0, -found - 2);
    }

    private static int positionIn(Chunk chunk, long key) {
        int found = Arrays.binarySearch(chunk.keys, 0, chunk.count, key);
        return found >= 0 ? found : -found - 2;
    }

    private void split(int c) {
        var low = chunks[c];
        var high = new Chunk();
        int half = CHUNK / 2;
        System.arraycopy(low.keys, half, high.keys, 0, CHUNK - half);
        System.arraycopy(low.mappings, half, high.mappings, 0, CHUNK - half);
        Arrays.fill(low.mappings, half, CHUNK, null);
        high.count = CHUNK - half;
        low.count = half;
        if (chunkCount == chunks.length) {
            chunks = Arrays.copyOf(chunks, 2 * chunkCount);
            firstKeys = Arrays.copyOf(firstKeys, 2 * chunkCount);
        }
        System.arraycopy(chunks, c + 1, chunks, c + 2, chunkCount - c - 1);
        System.arraycopy(firstKeys, c + 1, firstKeys, c + 2, chunkCount - c - 1);
        chunks[c + 1] = high;
        firstKeys[c + 1] = high.keys[0];
        chunkCount++;
    }

    private void drop(int c) {
        chunkCount--;
        System.arraycopy(chunks, c + 1, chunks, c, chunkCount - c);
        System.arraycopy(firstKeys, c + 1, firstKeys, c, chunkCount - c);
        firstKeys[0] = Long.MIN_VALUE;
    }
}
