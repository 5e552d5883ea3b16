package dev.muser.device.state;

import dev.muser.linux.Mapping;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * What the bytes of a segment were before the transaction that is going on, in that segment.
 *
 * <p>An entry is the position in the file, the length and the old bytes, padded to 8. It counts
 * once {@code used} covers it, which is stored after the entry and before the bytes change. A
 * commit stores 0 there, after all of the changes. x86-64 keeps the order of stores, so release is
 * what keeps the compiler from changing it.
 */
class UndoLog {
    private static final ValueLayout.OfLong LONG =
            ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle LONGS = LONG.varHandle();
    private static final int ENTRY = 16;

    private final StateSegment segment;
    private final MemorySegment header;
    private Mapping mapping;
    private MemorySegment entries;

    /** As the header has it. */
    private long used;

    UndoLog(StateSegment segment, MemorySegment header, Mapping mapping) {
        this.segment = segment;
        this.header = header;
        this.mapping = mapping;
        entries = mapping.segment();
        used = header.get(LONG, StateSegment.LOG_USED);
    }

    /** Hot. */
    void save(long position, MemorySegment memory, long at, long length) {
        long end = used + ENTRY + ((length + 7) & ~7L);
        if (end > entries.byteSize()) {
            grow(end);
        }
        entries.set(LONG, used, position);
        entries.set(LONG, used + 8, length);
        if (length == 8) {
            entries.set(LONG, used + ENTRY, memory.get(ValueLayout.JAVA_LONG_UNALIGNED, at));
        } else {
            MemorySegment.copy(memory, at, entries, used + ENTRY, length);
        }
        used = end;
        LONGS.setRelease(header, StateSegment.LOG_USED, end);
        VarHandle.storeStoreFence();
    }

    /** Hot. Comes before a store that is for good. */
    void beforeNow() {}

    /** Hot. Whether there is something to undo. */
    final boolean isOpen() {
        return used != 0;
    }

    final Mapping mapping() {
        return mapping;
    }

    /** Hot. */
    void commit() {
        if (used != 0) {
            used = 0;
            LONGS.setRelease(header, StateSegment.LOG_USED, 0L);
        }
    }

    /** Moves to a larger place; a death on the way leaves the old one in force. */
    private void grow(long needed) {
        var larger = segment.newLog(Long.highestOneBit(needed) << 1);
        MemorySegment.copy(entries, 0, larger.mapping().segment(), 0, used);
        segment.use(larger);
        mapping.close();
        mapping = larger.mapping();
        entries = mapping.segment();
    }

    /**
     * Undoes what a predecessor did not commit.
     *
     * @param file all of the segment's file
     * @throws StateMismatchException when the log is damaged; nothing has been undone
     */
    void rollBack(MemorySegment file) {
        if (used < 0 || used > entries.byteSize()) {
            throw damaged();
        }
        var starts = new long[64];
        int count = 0;
        for (long at = 0; at < used; ) {
            if (used - at < ENTRY) {
                throw damaged();
            }
            long position = entries.get(LONG, at);
            long length = entries.get(LONG, at + 8);
            if (position < 0
                    || length < 0
                    || position > file.byteSize() - length
                    || length > used - at - ENTRY) {
                throw damaged();
            }
            if (count == starts.length) {
                starts = Arrays.copyOf(starts, 2 * count);
            }
            starts[count++] = at;
            at += ENTRY + ((length + 7) & ~7L);
        }
        while (--count >= 0) {
            long at = starts[count];
            long position = entries.get(LONG, at);
            MemorySegment.copy(entries, at + ENTRY, file, position, entries.get(LONG, at + 8));
        }
        commit();
    }

    private static StateMismatchException damaged() {
        return new StateMismatchException("the stored state's undo log is damaged");
    }

    void close() {
        mapping.close();
    }
}
