package dev.muser.device.pci;

/**
 * The PCI Express capability of an endpoint, version 2 (PCI Express Base, 7.5.3). The link is there
 * for the driver to look at.
 *
 * <pre>
 *   0  u8   ID 0x10
 *   1  u8   next
 *   2  u16  capabilities: version 2, endpoint
 *   4  u32  device capabilities: bit 15 role-based error reporting, 28 function-level reset
 *   8  u16  device control: bits 0-3 error reporting, 4 relaxed ordering, 5-7 payload,
 *           11 no snoop, 12-14 read request, 15 initiate function-level reset (reads as 0)
 *   a  u16  device status: bits 0-3 errors detected, cleared by writing a one
 *   c  u32  link capabilities        10  u16  link control      12  u16  link status
 *  14       slot and root registers, 0
 *  24  u32  device capabilities 2    28  u16  device control 2  2a  u16  device status 2
 *  2c  u32  link capabilities 2      30  u16  link control 2    32  u16  link status 2
 *  34       slot registers 2, 0
 * </pre>
 */
public final class PciExpress extends Capability {
    private static final int ID = 0x10;
    private static final int LENGTH = 60;
    private static final int FLAGS = 0x2;
    private static final int DEVICE_CAPABILITIES = 0x4;
    private static final int ROLE_BASED_ERROR_REPORTING = 0x8000;
    private static final int FLR = 1 << 28;
    private static final int DEVICE_CONTROL = 0x8;
    private static final int INITIATE_FLR = 0x8000;
    private static final int DEVICE_STATUS = 0xa;
    private static final int LINK_CAPABILITIES = 0xc;
    private static final int LINK_CONTROL = 0x10;
    private static final int LINK_STATUS = 0x12;
    private static final int DEVICE_CAPABILITIES_2 = 0x24;
    private static final int TIMEOUT_DISABLE = 0x10;
    private static final int DEVICE_CONTROL_2 = 0x28;
    private static final int LINK_CAPABILITIES_2 = 0x2c;
    private static final int LINK_CONTROL_2 = 0x30;

    private boolean functionLevelReset = true;

    /** With function-level reset, and a link of one lane at 2.5 GT/s. */
    public PciExpress() {
        super(ID, LENGTH);
        initial(FLAGS, Width.U16, 2);
        initial(DEVICE_CAPABILITIES, Width.U32, ROLE_BASED_ERROR_REPORTING | FLR);
        // relaxed ordering, no snoop, reads of 512 bytes: the values that 7.5.3.4 demands
        initial(DEVICE_CONTROL, Width.U16, 0x2810);
        writable(DEVICE_CONTROL, Width.U16, 0x78ff);
        clearedByOne(DEVICE_STATUS, Width.U16, 0xf);
        // ASPM control, read completion boundary, common clock, extended synch
        writable(LINK_CONTROL, Width.U16, 0xcb);
        initial(DEVICE_CAPABILITIES_2, Width.U32, TIMEOUT_DISABLE);
        writable(DEVICE_CONTROL_2, Width.U16, TIMEOUT_DISABLE);
        link(1, 1);
    }

    /** Leaves out function-level reset. */
    public PciExpress noFunctionLevelReset() {
        initial(DEVICE_CAPABILITIES, Width.U32, ROLE_BASED_ERROR_REPORTING);
        functionLevelReset = false;
        return this;
    }

    /**
     * Sets what the link shows itself as.
     *
     * @param generation 1 for 2.5 GT/s, 2 for 5, 3 for 8, 4 for 16, 5 for 32
     * @param lanes 1, 2, 4, 8 or 16
     */
    public PciExpress link(int generation, int lanes) {
        if (generation < 1 || generation > 5) {
            throw new IllegalArgumentException(
                    "PCI Express generation %d is not in 1 to 5".formatted(generation));
        }
        if (lanes < 1 || lanes > 16 || Integer.bitCount(lanes) != 1) {
            throw new IllegalArgumentException(
                    "%d lanes: must be 1, 2, 4, 8 or 16".formatted(lanes));
        }
        initial(LINK_CAPABILITIES, Width.U32, (lanes << 4) | generation);
        initial(LINK_STATUS, Width.U16, (lanes << 4) | generation);
        initial(LINK_CAPABILITIES_2, Width.U32, (1 << (generation + 1)) - 2);
        initial(LINK_CONTROL_2, Width.U16, generation);
        return this;
    }

    @Override
    protected void written(int register, int before, int after, int bits) {
        if (register == DEVICE_CONTROL && (bits & INITIATE_FLR) != 0 && functionLevelReset) {
            requestReset();
        }
    }
}
