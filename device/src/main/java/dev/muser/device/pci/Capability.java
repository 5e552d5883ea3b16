package dev.muser.device.pci;

/**
 * A capability in the first 256 bytes of configuration space (PCI Local Bus 3.0, 6.7).
 *
 * <pre>
 *   0  u8  capability ID
 *   1  u8  offset of the next capability, 0 at the end
 *   2      what the capability defines
 * </pre>
 */
public abstract non-sealed class Capability extends CapabilityStructure {

    /**
     * @param id the capability ID, 1 to 255
     * @param length in bytes, the two of the header included
     */
    protected Capability(int id, int length) {
        super(requireId(id), 2, length, ConfigSpace.CONVENTIONAL - CapabilityList.FIRST);
    }

    private static int requireId(int id) {
        if (id < 1 || id > 0xff) {
            throw new IllegalArgumentException(
                    "capability ID 0x%x is not in 1 to 0xff".formatted(id));
        }
        return id;
    }
}
