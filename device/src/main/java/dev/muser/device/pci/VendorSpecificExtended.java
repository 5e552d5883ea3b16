package dev.muser.device.pci;

/**
 * Bytes that the vendor defines, in extended configuration space (PCI Express Base, 7.9.5).
 *
 * <pre>
 *   0  u32  header, ID 0x000b, version 1
 *   4  u32  bits 0-15 the vendor's ID for it, 16-19 its revision, 20-31 length of the capability
 *   8       payload
 * </pre>
 */
public final class VendorSpecificExtended extends ExtendedCapability {
    private static final int ID = 0x0b;
    private static final int PAYLOAD = 8;

    private final int payload;

    /**
     * With {@code payload} as its bytes, read-only.
     *
     * @param id what the vendor calls it, 0 to 0xffff
     * @param revision of its layout, 0 to 15
     */
    public VendorSpecificExtended(int id, int revision, byte[] payload) {
        super(ID, 1, PAYLOAD + payload.length);
        if (id < 0 || id > 0xffff || revision < 0 || revision > 0xf) {
            throw new IllegalArgumentException(
                    "vendor's capability 0x%x revision %d: not in 0 to 0xffff, 0 to 15"
                            .formatted(id, revision));
        }
        this.payload = payload.length;
        initial(4, Width.U32, id | (revision << 16) | ((long) length() << 20));
        for (int i = 0; i < payload.length; i++) {
            initial(PAYLOAD + i, Width.U8, payload[i]);
        }
    }

    /** Lets software write all of the payload. */
    public VendorSpecificExtended writable() {
        for (int i = 0; i < payload; i++) {
            writable(PAYLOAD + i, Width.U8, 0xff);
        }
        return this;
    }
}
