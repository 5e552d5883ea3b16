package dev.muser.device;

/** The interrupt indexes of a PCI device ({@code VFIO_PCI_*_IRQ_INDEX}). */
public final class Irq {
    public static final int INTX = 0;
    public static final int MSI = 1;
    public static final int MSIX = 2;

    /** The device has had an uncorrectable error. */
    public static final int ERR = 3;

    /** The device asks to be given back. */
    public static final int REQ = 4;

    /** How many there are. */
    public static final int COUNT = 5;

    private Irq() {}
}
