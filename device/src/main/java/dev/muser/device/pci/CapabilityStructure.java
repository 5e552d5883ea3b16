package dev.muser.device.pci;

import org.jspecify.annotations.Nullable;

/**
 * A capability structure: some registers in configuration space with a header that links them into
 * a list. Its bytes begin as zero and read-only.
 *
 * <p>A subclass says in its constructor what the bytes hold after a reset, which bits software can
 * write, and which bits it clears by writing a one; it sees writes in {@link #written}. Offsets
 * count in bytes from the start of the structure, header included.
 */
public abstract sealed class CapabilityStructure permits Capability, ExtendedCapability {
    private final int length;
    private final byte[] initial;
    private final byte[] writable;
    private final byte[] clearedByOne;
    private @Nullable ConfigSpace config;
    private int base;

    /**
     * @param header its first bytes, little-endian
     * @param headerLength how many they are, 2 or 4
     * @param length in bytes, header included
     * @param limit of the length
     */
    CapabilityStructure(int header, int headerLength, int length, int limit) {
        if (length < headerLength || length > limit) {
            throw new IllegalArgumentException(
                    "a capability of %d bytes: must be %d to %d"
                            .formatted(length, headerLength, limit));
        }
        this.length = length;
        initial = new byte[length];
        writable = new byte[length];
        clearedByOne = new byte[length];
        for (int i = 0; i < headerLength; i++) {
            initial[i] = (byte) (header >>> (8 * i));
        }
    }

    /** Sets what bytes hold after a reset. */
    protected final void initial(int offset, Width width, long value) {
        put(initial, offset, width, value);
    }

    /** Sets which bits software can write. */
    protected final void writable(int offset, Width width, long mask) {
        put(writable, offset, width, mask);
    }

    /** Sets which bits software clears by writing a one. */
    protected final void clearedByOne(int offset, Width width, long mask) {
        put(clearedByOne, offset, width, mask);
    }

    private void put(byte[] bytes, int offset, Width width, long value) {
        requireOpen();
        if (offset < 0 || offset > length - width.bytes()) {
            throw new IllegalArgumentException(
                    "%s has %d bytes, none at 0x%x".formatted(name(), length, offset));
        }
        for (int i = 0; i < width.bytes(); i++) {
            bytes[offset + i] = (byte) (value >>> (8 * i));
        }
    }

    /** Refuses what is declared after the capability was given to a device. */
    protected final void requireOpen() {
        if (config != null) {
            throw new IllegalStateException(name() + " is in a device already");
        }
    }

    /** Returns what a register of the structure holds now; the device must be constructed. */
    protected final long get(int offset, Width width) {
        return config().get(base + offset, width);
    }

    /** Stores as the device itself does: any bit, whether software can write it or not. */
    protected final void set(int offset, Width width, long value) {
        config().set(base + offset, width, value);
    }

    /**
     * Software has written to one of the structure's 32-bit registers, and the value is stored. It
     * is called also when nothing changed.
     *
     * @param register the register's offset, a multiple of 4
     * @param before what it held
     * @param after what it holds now
     * @param bits what was written; 0 in bytes that were not
     */
    protected void written(int register, int before, int after, int bits) {}

    /** Asks for a function-level reset, which happens when the write that is going on is done. */
    protected final void requestReset() {
        config().requestReset();
    }

    /** Returns how many bytes it has, header included. */
    public final int length() {
        return length;
    }

    /** Returns where it lies in configuration space. */
    public final int offset() {
        config();
        return base;
    }

    /** The name for error messages. */
    final String name() {
        var simple = getClass().getSimpleName();
        return simple.isEmpty() ? "capability" : simple;
    }

    private ConfigSpace config() {
        var c = config;
        if (c == null) {
            throw new IllegalStateException(name() + " is not in a device");
        }
        return c;
    }

    /** Puts the structure into {@code space} at {@code offset}; place and length are checked. */
    final void place(ConfigSpace space, int offset) {
        requireOpen();
        for (int i = 0; i < length; i++) {
            space.initial(offset + i, Width.U8, initial[i]);
            space.writable(offset + i, Width.U8, writable[i]);
            space.clearedByOne(offset + i, Width.U8, clearedByOne[i]);
        }
        base = offset;
        config = space;
        space.add(this);
    }

    final boolean overlaps(int start, int end) {
        return start < base + length && base < end;
    }

    final void registerWritten(int register, int before, int after, int bits) {
        if (register >= base && register < base + length) {
            written(register - base, before, after, bits);
        }
    }
}
