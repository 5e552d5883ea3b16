package dev.muser.device.pci;

/**
 * Advanced error reporting of an endpoint (PCI Express Base, 7.8.4).
 *
 * <pre>
 *   0  u32  header, ID 0x0001, version 2
 *   4  u32  uncorrectable error status, cleared by writing a one
 *   8  u32  uncorrectable error mask
 *   c  u32  uncorrectable error severity: 1 fatal
 *  10  u32  correctable error status, cleared by writing a one
 *  14  u32  correctable error mask
 *  18  u32  capabilities and control: bits 0-4 first error
 *  1c       header log, 16 bytes
 *  2c       root registers, 0
 *  38       prefix log, 16 bytes
 * </pre>
 */
public final class AdvancedErrorReporting extends ExtendedCapability {
    private static final int ID = 0x01;
    private static final int LENGTH = 72;
    private static final int UNCORRECTABLE_STATUS = 0x4;
    private static final int UNCORRECTABLE_MASK = 0x8;
    private static final int UNCORRECTABLE_SEVERITY = 0xc;
    private static final int CORRECTABLE_STATUS = 0x10;
    private static final int CORRECTABLE_MASK = 0x14;
    private static final int CONTROL = 0x18;
    private static final int FIRST_ERROR = 0x1f;

    /** All but bits 0-3 and 6-11, which are reserved. */
    private static final long UNCORRECTABLE = 0x03ff_f030L;

    private static final long CORRECTABLE = 0xf1c1;

    public AdvancedErrorReporting() {
        super(ID, 2, LENGTH);
        clearedByOne(UNCORRECTABLE_STATUS, Width.U32, UNCORRECTABLE);
        // uncorrectable internal errors are masked unless a driver asks for them
        initial(UNCORRECTABLE_MASK, Width.U32, 1 << 22);
        writable(UNCORRECTABLE_MASK, Width.U32, UNCORRECTABLE);
        // data link protocol, surprise down, flow control, overflow, malformed, internal
        initial(UNCORRECTABLE_SEVERITY, Width.U32, 0x0046_2030);
        writable(UNCORRECTABLE_SEVERITY, Width.U32, UNCORRECTABLE);
        clearedByOne(CORRECTABLE_STATUS, Width.U32, CORRECTABLE);
        // advisory non-fatal, corrected internal, header log overflow
        initial(CORRECTABLE_MASK, Width.U32, 0xe000);
        writable(CORRECTABLE_MASK, Width.U32, CORRECTABLE);
    }

    /**
     * Records an uncorrectable error.
     *
     * @param bit of the status register, such as 12 for a poisoned TLP
     */
    public void uncorrectable(int bit) {
        require(bit, UNCORRECTABLE);
        long status = get(UNCORRECTABLE_STATUS, Width.U32);
        if (status == 0) {
            set(CONTROL, Width.U32, (get(CONTROL, Width.U32) & ~FIRST_ERROR) | bit);
        }
        set(UNCORRECTABLE_STATUS, Width.U32, status | 1L << bit);
    }

    /**
     * Records a correctable error.
     *
     * @param bit of the status register, such as 0 for a receiver error
     */
    public void correctable(int bit) {
        require(bit, CORRECTABLE);
        set(CORRECTABLE_STATUS, Width.U32, get(CORRECTABLE_STATUS, Width.U32) | 1L << bit);
    }

    private static void require(int bit, long known) {
        if (bit < 0 || bit > 31 || ((known >>> bit) & 1) == 0) {
            throw new IllegalArgumentException("no error has status bit " + bit);
        }
    }
}
