package dev.muser.device.pci;

/**
 * Advanced features (PCI ECN "Advanced Capabilities for Conventional PCI"): function-level reset
 * for a function without the PCI Express capability.
 *
 * <pre>
 *   0  u8  ID 0x13
 *   1  u8  next
 *   2  u8  length of the capability, 6
 *   3  u8  capabilities: bit 0 transactions pending, 1 function-level reset
 *   4  u8  control: bit 0 initiate function-level reset (reads as 0)
 *   5  u8  status: bit 0 transactions pending
 * </pre>
 */
public final class AdvancedFeatures extends Capability {
    private static final int ID = 0x13;
    private static final int LENGTH = 6;
    private static final int TRANSACTIONS_PENDING = 1;
    private static final int FLR = 2;
    private static final int CONTROL = 4;
    private static final int INITIATE_FLR = 1;

    public AdvancedFeatures() {
        super(ID, LENGTH);
        initial(2, Width.U8, LENGTH);
        initial(3, Width.U8, TRANSACTIONS_PENDING | FLR);
    }

    @Override
    protected void written(int register, int before, int after, int bits) {
        if (register == CONTROL && (bits & INITIATE_FLR) != 0) {
            requestReset();
        }
    }
}
