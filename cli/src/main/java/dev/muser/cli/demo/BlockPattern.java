package dev.muser.cli.demo;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * What is on the disk, by blocks of 4 KiB: each has the bytes that follow from its number and from
 * how often it was written, so that a block that was lost, exchanged, torn or old is told from the
 * right one.
 */
public final class BlockPattern {
    public static final int BLOCK = 4096;

    private static final ValueLayout.OfLong WORD =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final long STEP = 0x9e37_79b9_7f4a_7c15L;

    private final long seed;
    private final int[] writes;
    private final boolean[] busy;

    /** Nothing is written: all is zero. */
    public BlockPattern(long bytes, long seed) {
        this.seed = seed;
        writes = new int[(int) (bytes / BLOCK)];
        busy = new boolean[writes.length];
    }

    /** How many blocks there are. */
    public int blocks() {
        return writes.length;
    }

    /** Hot. Takes a block, so that no two commands are about it; false when one is already. */
    boolean take(int block) {
        if (busy[block]) {
            return false;
        }
        busy[block] = true;
        return true;
    }

    /** Hot. Gives it back. */
    void give(int block) {
        busy[block] = false;
    }

    /** Hot. Fills {@code memory} with what the block is to be next. */
    void fill(int block, MemorySegment memory, long at) {
        long word = word(block, ++writes[block]);
        for (int i = 0; i < BLOCK; i += 8) {
            memory.set(WORD, at + i, word);
            word += STEP;
        }
    }

    /** Hot. Whether {@code memory} is what the block should be. */
    boolean matches(int block, MemorySegment memory, long at) {
        int count = writes[block];
        long word = count == 0 ? 0 : word(block, count);
        long step = count == 0 ? 0 : STEP;
        long wrong = 0;
        for (int i = 0; i < BLOCK; i += 8) {
            wrong |= memory.get(WORD, at + i) ^ word;
            word += step;
        }
        return wrong == 0;
    }

    private long word(int block, int count) {
        long mixed = seed + ((long) block << 32 | count) * STEP;
        mixed = (mixed ^ (mixed >>> 30)) * 0xbf58_476d_1ce4_e5b9L; // SplitMix64
        mixed = (mixed ^ (mixed >>> 27)) * 0x94d0_49bb_1331_11ebL;
        return mixed ^ (mixed >>> 31);
    }
}
