package dev.muser.device.pci;

/**
 * Message Signalled Interrupts (PCI Local Bus 3.0, 6.8.1), with 64-bit addresses.
 *
 * <pre>
 *   0  u8   ID 0x05
 *   1  u8   next
 *   2  u16  message control: bit 0 enable, 1-3 multiple message capable (log2),
 *           4-6 multiple message enable (log2), 7 64-bit, 8 per-vector masking
 *   4  u32  message address
 *   8  u32  message upper address, if 64-bit
 *   c  u16  message data (8 if not 64-bit)
 *  10  u32  mask bits, if per-vector masking (c if not 64-bit)
 *  14  u32  pending bits, likewise
 * </pre>
 */
public final class Msi extends MessageCapability {
    private static final int ID = 0x05;
    private static final int CONTROL = 2;
    private static final int ENABLE = 0x1;
    private static final int MULTIPLE_ENABLE = 0x70;
    private static final int BITS_64 = 0x80;
    private static final int MASKING = 0x100;

    private final boolean masking;
    private final int maskBits;

    private Msi(int vectors, boolean wide, boolean masking) {
        super(ID, (wide ? 14 : 10) + (masking ? 10 : 0), requireVectors(vectors));
        this.masking = masking;
        maskBits = wide ? 0x10 : 0xc;
        initial(
                CONTROL,
                Width.U16,
                (Integer.numberOfTrailingZeros(vectors) << 1)
                        | (wide ? BITS_64 : 0)
                        | (masking ? MASKING : 0));
        writable(CONTROL, Width.U16, ENABLE | MULTIPLE_ENABLE);
        writable(4, Width.U32, 0xffff_fffcL);
        if (wide) {
            writable(8, Width.U32, 0xffff_ffffL);
        }
        writable(wide ? 0xc : 8, Width.U16, 0xffff);
        if (masking) {
            writable(maskBits, Width.U32, -1L >>> (64 - vectors));
        }
    }

    /**
     * With 64-bit addresses and without masking: 14 bytes.
     *
     * @param vectors 1, 2, 4, 8, 16 or 32
     */
    public Msi(int vectors) {
        this(vectors, true, false);
    }

    /** With 64-bit addresses and a mask bit for each vector: 24 bytes. */
    public static Msi maskable(int vectors) {
        return new Msi(vectors, true, true);
    }

    /** With 32-bit addresses and without masking: 10 bytes. */
    public static Msi narrow(int vectors) {
        return new Msi(vectors, false, false);
    }

    /** With 32-bit addresses and a mask bit for each vector: 20 bytes. */
    public static Msi narrowMaskable(int vectors) {
        return new Msi(vectors, false, true);
    }

    private static int requireVectors(int vectors) {
        if (vectors < 1 || vectors > 32 || Integer.bitCount(vectors) != 1) {
            throw new IllegalArgumentException(
                    "MSI with %d vectors: must be 1, 2, 4, 8, 16 or 32".formatted(vectors));
        }
        return vectors;
    }

    @Override
    boolean enabled() {
        return (get(CONTROL, Width.U16) & ENABLE) != 0;
    }

    @Override
    boolean masked(int vector) {
        return masking && ((get(maskBits, Width.U32) >>> vector) & 1) != 0;
    }

    /** A driver that was given fewer vectors than asked for gets the others' messages in them. */
    @Override
    int allocated(int vector) {
        int limit = vectors();
        if (enabled()) {
            int log = (int) (get(CONTROL, Width.U16) & MULTIPLE_ENABLE) >> 4;
            limit = Math.min(limit, 1 << log);
        }
        return vector & (limit - 1);
    }

    @Override
    void pending(int vector, boolean pending) {
        if (masking) {
            long bits = get(maskBits + 4, Width.U32);
            long bit = 1L << vector;
            set(maskBits + 4, Width.U32, pending ? bits | bit : bits & ~bit);
        }
    }
}
