package dev.muser.device.pci;

/** Bits of a register that have a name of their own. */
public final class RegisterField {
    private final Register register;
    private final String name;
    private final int lowBit;
    private final int bits;
    private final RegisterMode mode;

    RegisterField(Register register, String name, int lowBit, int bits, RegisterMode mode) {
        this.register = register;
        this.name = name;
        this.lowBit = lowBit;
        this.bits = bits;
        this.mode = mode;
    }

    public String name() {
        return name;
    }

    /** Returns the number of the lowest bit, from 0. */
    public int lowBit() {
        return lowBit;
    }

    /** Returns how many bits there are. */
    public int bits() {
        return bits;
    }

    public RegisterMode mode() {
        return mode;
    }

    /** Hot. Returns the value, shifted down to bit 0. */
    public long get() {
        return (register.get() >>> lowBit) & mask();
    }

    /** Hot. Stores the low bits of {@code value}; the register's other bits stay. */
    public void set(long value) {
        register.set((register.get() & ~(mask() << lowBit)) | ((value & mask()) << lowBit));
    }

    private long mask() {
        return -1L >>> (64 - bits);
    }
}
