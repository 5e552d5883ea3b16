package dev.muser.device.pci;

import org.jspecify.annotations.Nullable;

/**
 * The header of type 0 (PCI Local Bus 3.0, 6.1 and 6.2; PCI Express Base, 7.5.1).
 *
 * <pre>
 *   0  u16  vendor ID          2  u16  device ID
 *   4  u16  command            6  u16  status
 *   8  u8   revision ID        9  u8   programming interface, a  sub-class, b  base class
 *   c  u8   cache line size    d  u8   latency timer, e  header type, f  BIST
 *  10  u32  six base address registers
 *  28  u32  CardBus CIS pointer
 *  2c  u16  subsystem vendor  2e  u16  subsystem ID
 *  30  u32  expansion ROM base address
 *  34  u8   capabilities pointer
 *  3c  u8   interrupt line    3d  u8   interrupt pin, 3e  min_gnt, 3f  max_lat
 * </pre>
 */
final class FunctionHeader {
    static final int COMMAND = 0x04;

    /**
     * I/O, memory, bus master, parity error response, SERR, INTx disable. PCI lets a function
     * without I/O or memory BARs leave those bits out; here all functions have them.
     */
    private static final int COMMAND_WRITABLE = 0x547;

    private static final int STATUS = 0x06;

    /** Master data parity error, the aborts, signalled system error, detected parity error. */
    private static final int STATUS_ERRORS = 0xf900;

    private static final int REVISION = 0x08;
    private static final int CLASS = 0x09;
    private static final int CACHE_LINE_SIZE = 0x0c;
    private static final int BAR0 = 0x10;
    private static final int SUBSYSTEM = 0x2c;
    private static final int ROM = 0x30;
    private static final int ROM_ENABLE = 1;
    private static final int INTERRUPT_LINE = 0x3c;
    private static final int INTERRUPT_PIN = 0x3d;
    private static final int IO = 1;
    private static final int WIDE = 4;

    private final ConfigSpace config;
    private boolean identified;

    FunctionHeader(ConfigSpace config) {
        this.config = config;
        config.writable(COMMAND, Width.U16, COMMAND_WRITABLE);
        config.clearedByOne(STATUS, Width.U16, STATUS_ERRORS);
        config.writable(CACHE_LINE_SIZE, Width.U16, 0xffff);
        config.writable(INTERRUPT_LINE, Width.U8, 0xff);
        classCode(0xff, 0, 0);
    }

    void identity(int vendor, int device) {
        require("vendor ID", vendor, 0xffff);
        require("device ID", device, 0xffff);
        if (vendor == 0xffff) {
            throw new IllegalArgumentException("vendor ID 0xffff means that there is no device");
        }
        config.initial(0, Width.U32, vendor | ((long) device << 16));
        identified = true;
    }

    void subsystem(int vendor, int device) {
        require("subsystem vendor ID", vendor, 0xffff);
        require("subsystem ID", device, 0xffff);
        config.initial(SUBSYSTEM, Width.U32, vendor | ((long) device << 16));
    }

    void classCode(int base, int sub, int programmingInterface) {
        require("base class", base, 0xff);
        require("sub-class", sub, 0xff);
        require("programming interface", programmingInterface, 0xff);
        config.initial(CLASS, Width.U8, programmingInterface);
        config.initial(CLASS + 1, Width.U8, sub);
        config.initial(CLASS + 2, Width.U8, base);
    }

    void revision(int revision) {
        require("revision ID", revision, 0xff);
        config.initial(REVISION, Width.U8, revision);
    }

    private static void require(String what, int value, int limit) {
        if (value < 0 || value > limit) {
            throw new IllegalArgumentException(
                    "%s 0x%x is not in 0 to 0x%x".formatted(what, value, limit));
        }
    }

    /** Ends the declarations. */
    void seal(@Nullable Bar[] bars, @Nullable ExpansionRom rom, InterruptPin pin) {
        if (!identified) {
            throw new IllegalArgumentException("the device has no identity(vendor, device)");
        }
        config.initial(INTERRUPT_PIN, Width.U8, pin.number());
        if (rom != null) {
            config.writable(ROM, Width.U32, -rom.info().size() | ROM_ENABLE);
        }
        for (int i = 0; i < bars.length; i++) {
            var bar = bars[i];
            if (bar != null) {
                seal(i, bar, i + 1 < bars.length && bars[i + 1] != null);
            }
        }
    }

    private void seal(int index, Bar bar, boolean nextTaken) {
        int register = BAR0 + 4 * index;
        int type = bar.typeBits();
        long smallest = (type & IO) != 0 ? 4 : 16;
        long mask = -Math.max(smallest, roundUp(bar.size()));
        config.initial(register, Width.U32, type);
        config.writable(register, Width.U32, mask);
        if ((type & WIDE) != 0) {
            if (nextTaken) {
                throw new IllegalArgumentException(
                        "BAR%d is 64-bit and takes BAR%d too".formatted(index, index + 1));
            }
            config.writable(register + 4, Width.U32, mask >>> 32);
        }
    }

    /** Returns the power of two that decoding needs for {@code size} bytes. */
    private static long roundUp(long size) {
        return size <= 1 ? 1 : Long.highestOneBit(size - 1) << 1;
    }
}
