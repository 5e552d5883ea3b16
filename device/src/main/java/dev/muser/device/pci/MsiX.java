package dev.muser.device.pci;

import org.jspecify.annotations.Nullable;

/**
 * MSI-X (PCI Local Bus 3.0, 6.8.2). Its table and its pending bits lie in BARs of the device.
 *
 * <pre>
 *   0  u8   ID 0x11
 *   1  u8   next
 *   2  u16  message control: bits 0-10 number of vectors - 1, 14 function mask, 15 enable
 *   4  u32  table: bits 0-2 BAR, the rest its offset
 *   8  u32  pending bit array, likewise
 * </pre>
 */
public final class MsiX extends MessageCapability {
    static final int ENTRY = 16;

    private static final int ID = 0x11;
    private static final int LENGTH = 12;
    private static final int CONTROL = 2;
    private static final int FUNCTION_MASK = 0x4000;
    private static final int ENABLE = 0x8000;
    private static final int TABLE = 4;
    private static final int PENDING = 8;

    private int tableBar;
    private long tableOffset;
    private int pendingBar;
    private long pendingOffset;
    private @Nullable MsiXTable table;
    private @Nullable MsiXPending pending;

    /**
     * With the table at the start of a BAR, and the pending bits behind it.
     *
     * @param vectors 1 to 2048
     * @param bar 0 to 5; must be a memory BAR of the device
     */
    public MsiX(int vectors, int bar) {
        super(ID, LENGTH, vectors);
        if (vectors < 1 || vectors > Interrupts.LIMIT) {
            throw new IllegalArgumentException(
                    "MSI-X with %d vectors: must be 1 to %d".formatted(vectors, Interrupts.LIMIT));
        }
        initial(CONTROL, Width.U16, vectors - 1);
        writable(CONTROL, Width.U16, FUNCTION_MASK | ENABLE);
        table(bar, 0);
        pendingBits(bar, (long) ENTRY * vectors);
    }

    /**
     * Puts the table of 16 bytes for each vector elsewhere.
     *
     * @param offset in the BAR, a multiple of 8
     */
    public MsiX table(int bar, long offset) {
        place(TABLE, bar, offset);
        tableBar = bar;
        tableOffset = offset;
        return this;
    }

    /**
     * Puts the pending bits, 8 bytes for each 64 vectors begun, elsewhere.
     *
     * @param offset in the BAR, a multiple of 8
     */
    public MsiX pendingBits(int bar, long offset) {
        place(PENDING, bar, offset);
        pendingBar = bar;
        pendingOffset = offset;
        return this;
    }

    private void place(int register, int bar, long offset) {
        if (bar < 0 || bar > 5 || offset < 0 || offset > 0xffff_fff8L || offset % 8 != 0) {
            throw new IllegalArgumentException(
                    "MSI-X in BAR%d at 0x%x: BARs are 0 to 5, offsets multiples of 8 below 4 GiB"
                            .formatted(bar, offset));
        }
        initial(register, Width.U32, offset | bar);
    }

    /** Puts the table and the pending bits into the BARs. */
    void claim(@Nullable Bar[] bars) {
        var t = new MsiXTable(this);
        var p = new MsiXPending();
        require(bars, tableBar).area(tableOffset, (long) ENTRY * vectors(), t);
        require(bars, pendingBar).area(pendingOffset, (vectors() + 63L) / 64 * 8, p);
        table = t;
        pending = p;
    }

    private static Bar require(@Nullable Bar[] bars, int index) {
        var bar = bars[index];
        if (bar == null || (bar.typeBits() & 1) != 0) {
            throw new IllegalArgumentException(
                    "MSI-X in BAR%d: the device has no such memory BAR".formatted(index));
        }
        return bar;
    }

    /** Declares the state. */
    void seal(MessageIrqs irqs, DeviceState state) {
        table().seal(irqs, state);
        if (pending != null) {
            pending.seal(irqs);
        }
    }

    private MsiXTable table() {
        var t = table;
        if (t == null) {
            throw new IllegalStateException("MSI-X is not in a device");
        }
        return t;
    }

    @Override
    boolean enabled() {
        return (get(CONTROL, Width.U16) & ENABLE) != 0;
    }

    @Override
    boolean masked(int vector) {
        return (get(CONTROL, Width.U16) & FUNCTION_MASK) != 0 || table().masked(vector);
    }

    @Override
    int allocated(int vector) {
        return vector;
    }

    /** The pending bits are read from where they are kept. */
    @Override
    void pending(int vector, boolean pending) {}
}
