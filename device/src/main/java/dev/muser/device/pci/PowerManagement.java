package dev.muser.device.pci;

/**
 * Power management (PCI Bus Power Management Interface 1.2, 3.2): the states D0 and D3hot.
 *
 * <pre>
 *   0  u8   ID 0x01
 *   1  u8   next
 *   2  u16  PMC: bits 0-2 version 3, no PME, neither D1 nor D2
 *   4  u16  PMCSR: bits 0-1 power state, 3 no soft reset
 *   6  u8   bridge extensions, 0
 *   7  u8   data, 0
 * </pre>
 */
public final class PowerManagement extends Capability {
    private static final int ID = 0x01;
    private static final int LENGTH = 8;
    private static final int PMC = 2;
    private static final int PMCSR = 4;
    private static final int STATE = 0x3;
    private static final int D0 = 0;
    private static final int D3_HOT = 3;
    private static final int NO_SOFT_RESET = 0x8;

    /** Without a reset on the way from D3hot to D0. */
    public PowerManagement() {
        super(ID, LENGTH);
        initial(PMC, Width.U16, 3);
        initial(PMCSR, Width.U16, NO_SOFT_RESET);
        writable(PMCSR, Width.U16, STATE);
    }

    /** Sets the capabilities register (PMC), for a device whose driver looks at it. */
    public PowerManagement capabilities(int pmc) {
        initial(PMC, Width.U16, pmc);
        return this;
    }

    /** Resets the device's function on the way from D3hot to D0. */
    public PowerManagement softReset() {
        initial(PMCSR, Width.U16, 0);
        return this;
    }

    /** Returns whether the driver has put the device to sleep (D3hot). */
    public boolean sleeping() {
        return (get(PMCSR, Width.U16) & STATE) == D3_HOT;
    }

    @Override
    protected void written(int register, int before, int after, int bits) {
        if (register != PMCSR) {
            return;
        }
        int state = after & STATE;
        if (state != D0 && state != D3_HOT) {
            // a state that is not there: "the data is discarded", 3.2.4
            set(PMCSR, Width.U32, (after & ~STATE) | (before & STATE));
        } else if (state == D0 && (before & STATE) == D3_HOT && (after & NO_SOFT_RESET) == 0) {
            requestReset();
        }
    }
}
