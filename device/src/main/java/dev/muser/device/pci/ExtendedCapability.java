package dev.muser.device.pci;

/**
 * A capability in the extended configuration space, from 0x100 on (PCI Express Base, 7.6.3).
 *
 * <pre>
 *   0  u32  ID (bits 0-15), version (16-19), offset of the next capability (20-31), 0 at the end
 *   4       what the capability defines
 * </pre>
 */
public abstract non-sealed class ExtendedCapability extends CapabilityStructure {

    /**
     * @param id the extended capability ID, 1 to 0xffff
     * @param version of its layout, 1 to 15
     * @param length in bytes, the four of the header included
     */
    protected ExtendedCapability(int id, int version, int length) {
        super(header(id, version), 4, length, ConfigSpace.EXTENDED - ConfigSpace.CONVENTIONAL);
    }

    private static int header(int id, int version) {
        if (id < 1 || id > 0xffff || version < 1 || version > 0xf) {
            throw new IllegalArgumentException(
                    "extended capability ID 0x%x version %d: not in 1 to 0xffff, 1 to 15"
                            .formatted(id, version));
        }
        return id | (version << 16);
    }
}
