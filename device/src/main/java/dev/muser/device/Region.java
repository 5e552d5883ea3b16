package dev.muser.device;

/** The region indexes of a PCI device ({@code VFIO_PCI_*_REGION_INDEX}). BAR n is index n. */
public final class Region {
    public static final int BAR0 = 0;
    public static final int BAR1 = 1;
    public static final int BAR2 = 2;
    public static final int BAR3 = 3;
    public static final int BAR4 = 4;
    public static final int BAR5 = 5;
    public static final int ROM = 6;
    public static final int CONFIG = 7;
    public static final int VGA = 8;

    /** How many there are. */
    public static final int COUNT = 9;

    private Region() {}
}
