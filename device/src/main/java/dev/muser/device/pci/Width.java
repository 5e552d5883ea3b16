package dev.muser.device.pci;

/** How many bits a register or a field of the device state has. */
public enum Width {
    U8(1),
    U16(2),
    U32(4),
    U64(8);

    private final int bytes;

    Width(int bytes) {
        this.bytes = bytes;
    }

    public int bytes() {
        return bytes;
    }

    /** Returns a one for each bit. */
    public long mask() {
        return -1L >>> (64 - 8 * bytes);
    }
}
