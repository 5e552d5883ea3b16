package dev.muser.device.pci;

/**
 * A number that no other device has, an EUI-64 (PCI Express Base, 7.9.3).
 *
 * <pre>
 *   0  u32  header, ID 0x0003, version 1
 *   4  u64  serial number
 * </pre>
 */
public final class DeviceSerialNumber extends ExtendedCapability {
    private static final int ID = 0x03;
    private static final int LENGTH = 12;

    public DeviceSerialNumber(long serialNumber) {
        super(ID, 1, LENGTH);
        initial(4, Width.U64, serialNumber);
    }
}
