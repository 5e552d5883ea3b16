package dev.muser.device.pci;

/** A number in the {@linkplain DeviceState device state}, unsigned. */
public final class StateField {
    private final DeviceState state;
    private final long offset;
    private final Width width;

    StateField(DeviceState state, long offset, Width width) {
        this.state = state;
        this.offset = offset;
        this.width = width;
    }

    /** Hot. Returns the value, zero-extended. */
    public long get() {
        var memory = state.memory();
        return switch (width) {
            case U8 -> memory.get(StateLayout.U8, offset) & 0xffL;
            case U16 -> memory.get(StateLayout.U16, offset) & 0xffffL;
            case U32 -> memory.get(StateLayout.U32, offset) & 0xffff_ffffL;
            case U64 -> memory.get(StateLayout.U64, offset);
        };
    }

    /** Hot. Stores the low bits of {@code value}. */
    public void set(long value) {
        state.store(offset, width, value);
    }

    public Width width() {
        return width;
    }
}
