package dev.muser.device.pci;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Bytes in the {@linkplain DeviceState device state}; numbers in them are little-endian. */
public final class StateArray {
    static final MemorySegment ZEROS = MemorySegment.ofArray(new byte[4096]).asReadOnly();

    private static final VarHandle LONGS =
            ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();

    private final DeviceState state;
    private final long offset;
    private final long length;
    private @Nullable MemorySegment bytes;
    private @Nullable MemorySegment raw;

    StateArray(DeviceState state, long offset, long length) {
        this.state = state;
        this.offset = offset;
        this.length = length;
    }

    void bind(MemorySegment memory) {
        raw = memory.asSlice(offset, length);
        bytes = raw.asReadOnly();
    }

    public long length() {
        return length;
    }

    /** Hot. Returns the bytes, to read from; stores go by {@link #set} and {@link #copyFrom}. */
    public MemorySegment bytes() {
        var b = bytes;
        if (b == null) {
            throw unbound();
        }
        return b;
    }

    private static IllegalStateException unbound() {
        return new IllegalStateException(
                "device state is read while the device is still being constructed");
    }

    /** Hot. Returns the number at byte {@code at}, zero-extended; any alignment. */
    public long get(long at, Width width) {
        var b = bytes();
        return switch (width) {
            case U8 -> b.get(StateLayout.U8, at) & 0xffL;
            case U16 -> b.get(StateLayout.U16, at) & 0xffffL;
            case U32 -> b.get(StateLayout.U32, at) & 0xffff_ffffL;
            case U64 -> b.get(StateLayout.U64, at);
        };
    }

    /** Hot. Stores the low bits of {@code value} at byte {@code at}; any alignment. */
    public void set(long at, Width width, long value) {
        Objects.checkFromIndexSize(at, width.bytes(), length);
        state.store(offset + at, width, value);
    }

    /**
     * Hot. Stores the low 64 bits at byte {@code at}, a multiple of 8, for good: no transaction
     * undoes it, and whoever finds it finds all that was stored before it.
     */
    public void setNow(long at, long value) {
        Objects.checkFromIndexSize(at, 8, length);
        state.beforeNow();
        LONGS.setRelease(raw(), at, value);
    }

    /**
     * Hot. Returns the bytes themselves. What is stored there is stored for good: no transaction
     * undoes it.
     */
    public MemorySegment raw() {
        var b = raw;
        if (b == null) {
            throw unbound();
        }
        return b;
    }

    /** Hot. Stores {@code count} bytes of {@code from}, from its {@code position} on. */
    public void copyFrom(long at, MemorySegment from, long position, long count) {
        Objects.checkFromIndexSize(at, count, length);
        state.storeBytes(offset + at, from, position, count);
    }

    /** Makes all bytes zero. */
    public void clear() {
        for (long at = 0; at < length; at += ZEROS.byteSize()) {
            copyFrom(at, ZEROS, 0, Math.min(ZEROS.byteSize(), length - at));
        }
    }
}
