package dev.muser.device.pci;

/**
 * Bytes that the vendor defines (PCI Local Bus 3.0, appendix H).
 *
 * <pre>
 *   0  u8  ID 0x09
 *   1  u8  next
 *   2  u8  length of the capability
 *   3      payload
 * </pre>
 */
public final class VendorSpecific extends Capability {
    private static final int ID = 0x09;
    private static final int PAYLOAD = 3;

    private final int payload;

    /** With {@code payload} as its bytes, read-only. */
    public VendorSpecific(byte[] payload) {
        super(ID, PAYLOAD + payload.length);
        this.payload = payload.length;
        initial(2, Width.U8, length());
        for (int i = 0; i < payload.length; i++) {
            initial(PAYLOAD + i, Width.U8, payload[i]);
        }
    }

    /** Lets software write all of the payload. */
    public VendorSpecific writable() {
        for (int i = 0; i < payload; i++) {
            writable(PAYLOAD + i, Width.U8, 0xff);
        }
        return this;
    }
}
