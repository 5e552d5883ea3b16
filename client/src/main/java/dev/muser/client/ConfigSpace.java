package dev.muser.client;

import dev.muser.device.Region;
import dev.muser.device.VfioDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** A PCI function's configuration space (PCI Local Bus 3.0, chapter 6). */
public final class ConfigSpace {
    // type 0 header: vendor u16 @0, device u16 @2, command u16 @4, status u16 @6, revision u8 @8,
    // class code u24 @9, BARs 6 x u32 @0x10, subsystem vendor u16 @0x2c, subsystem u16 @0x2e,
    // capabilities u8 @0x34
    private static final int COMMAND = 4;
    private static final int STATUS = 6;
    private static final int STATUS_CAPABILITIES = 1 << 4;
    private static final int CAPABILITIES = 0x34;
    private static final int HEADER_END = 0x40;
    private static final int EXTENDED = 0x100;
    private static final int SIZE = 0x100;
    private static final int EXTENDED_SIZE = 0x1000;

    /** Bits of the command register. */
    public static final int COMMAND_IO = 1;

    public static final int COMMAND_MEMORY = 1 << 1;
    public static final int COMMAND_BUS_MASTER = 1 << 2;
    public static final int COMMAND_INTX_DISABLE = 1 << 10;

    /** Capability ids. */
    public static final int CAPABILITY_MSI = 5;

    public static final int CAPABILITY_PCI_EXPRESS = 0x10;
    public static final int CAPABILITY_MSIX = 0x11;

    private static final ValueLayout.OfShort U16 =
            ValueLayout.JAVA_SHORT.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt U32 =
            ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final VfioDevice device;
    private final MemorySegment scratch = Arena.ofAuto().allocate(8, 8);

    ConfigSpace(VfioDevice device) {
        this.device = device;
    }

    public int vendorId() {
        return read16(0);
    }

    public int deviceId() {
        return read16(2);
    }

    public int revision() {
        return read8(8);
    }

    /** Returns class, subclass and programming interface: 0x010802 is an NVMe controller. */
    public int classCode() {
        return read32(8) >>> 8;
    }

    public int subsystemVendorId() {
        return read16(0x2c);
    }

    public int subsystemId() {
        return read16(0x2e);
    }

    /** Returns the size in bytes: 256, or 4096 for PCI Express. */
    public long size() {
        return device.regionInfo(Region.CONFIG).size();
    }

    /** Lets the device answer to its BARs, in port and memory space, and do DMA and MSI. */
    public void enable() {
        write16(COMMAND, read16(COMMAND) | COMMAND_IO | COMMAND_MEMORY | COMMAND_BUS_MASTER);
    }

    /** Sets the command register's bits {@code set}, and clears those in {@code clear}. */
    public void command(int set, int clear) {
        write16(COMMAND, (read16(COMMAND) & ~clear) | set);
    }

    /**
     * Returns where the capability with {@code id} is, in bytes from the start of the space; 0 when
     * the device does not have it.
     */
    public int findCapability(int id) {
        if ((read16(STATUS) & STATUS_CAPABILITIES) == 0) {
            return 0;
        }
        int at = read8(CAPABILITIES) & ~3;
        // No more than fit, lest a chain that is a ring keep this here.
        for (int left = (SIZE - HEADER_END) / 4; at >= HEADER_END && left > 0; left--) {
            if (read8(at) == id) {
                return at;
            }
            at = read8(at + 1) & ~3;
        }
        return 0;
    }

    /** As {@link #findCapability}, for the extended capabilities of PCI Express. */
    public int findExtendedCapability(int id) {
        if (size() < EXTENDED_SIZE) {
            return 0;
        }
        int at = EXTENDED;
        for (int left = (EXTENDED_SIZE - EXTENDED) / 4; at >= EXTENDED && left > 0; left--) {
            int header = read32(at); // id bits 0-15, version 16-19, next 20-31
            if (header == 0 || header == -1) {
                return 0;
            }
            if ((header & 0xffff) == id) {
                return at;
            }
            at = (header >>> 20) & ~3;
        }
        return 0;
    }

    public int read8(int offset) {
        device.readRegion(Region.CONFIG, offset, scratch, 0, 1);
        return Byte.toUnsignedInt(scratch.get(ValueLayout.JAVA_BYTE, 0));
    }

    public int read16(int offset) {
        device.readRegion(Region.CONFIG, offset, scratch, 0, 2);
        return Short.toUnsignedInt(scratch.get(U16, 0));
    }

    public int read32(int offset) {
        device.readRegion(Region.CONFIG, offset, scratch, 0, 4);
        return scratch.get(U32, 0);
    }

    public void write8(int offset, int value) {
        scratch.set(ValueLayout.JAVA_BYTE, 0, (byte) value);
        device.writeRegion(Region.CONFIG, offset, scratch, 0, 1);
    }

    public void write16(int offset, int value) {
        scratch.set(U16, 0, (short) value);
        device.writeRegion(Region.CONFIG, offset, scratch, 0, 2);
    }

    public void write32(int offset, int value) {
        scratch.set(U32, 0, value);
        device.writeRegion(Region.CONFIG, offset, scratch, 0, 4);
    }
}
