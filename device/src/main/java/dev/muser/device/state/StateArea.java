package dev.muser.device.state;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * A part of a {@link StateSegment}. Whoever stores to it calls {@link #save} first, so that the
 * store can be undone; {@link #setLong} does both.
 *
 * <p>Owned by the device's thread.
 */
public final class StateArea {
    private static final ValueLayout.OfLong LONG =
            ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle LONGS = LONG.varHandle();

    private final UndoLog log;
    private final long position;
    private final MemorySegment memory;
    private final boolean restored;

    StateArea(UndoLog log, long position, MemorySegment memory, boolean restored) {
        this.log = log;
        this.position = position;
        this.memory = memory;
        this.restored = restored;
    }

    /** Returns where it begins in the segment's file. */
    long position() {
        return position;
    }

    /** Whether it holds what a predecessor left; else it is all zero. */
    public boolean isRestored() {
        return restored;
    }

    /** Hot. Returns its bytes; for the device's thread. */
    public MemorySegment memory() {
        return memory;
    }

    /** Hot. Notes the {@code length} bytes at {@code at}, which are about to change. */
    public void save(long at, long length) {
        log.save(position + at, memory, at, length);
    }

    /** Hot. Returns the number at byte {@code at}, a multiple of 8. */
    public long getLong(long at) {
        return memory.get(LONG, at);
    }

    /** Hot. Stores a number, in the transaction that is going on. */
    public void setLong(long at, long value) {
        save(at, 8);
        memory.set(LONG, at, value);
    }

    /**
     * Hot. Stores a number for good, after all that was stored before: what no transaction undoes.
     */
    public void setLongNow(long at, long value) {
        log.beforeNow();
        LONGS.setRelease(memory, at, value);
    }

    /**
     * Hot. Says that a store for good follows, which goes to {@link #memory} itself: one of the
     * steps of {@link StateSegment#onStep}.
     */
    public void beforeNow() {
        log.beforeNow();
    }

    /** Hot. Ends the transaction that is going on: what was stored is there to stay. */
    public void commit() {
        log.commit();
    }
}
