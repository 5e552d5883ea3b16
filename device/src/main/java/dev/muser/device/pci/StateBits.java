package dev.muser.device.pci;

/** Bits in the device state, bit i in byte i / 8. */
final class StateBits {
    private final StateArray words;
    private final int count;

    /** Declares {@code count} bits. */
    StateBits(DeviceState state, String name, int count) {
        this.count = count;
        words = state.array(name, (count + 63L) / 64 * 8);
    }

    /** Hot. */
    boolean get(int bit) {
        return ((words.get(bit / 64 * 8L, Width.U64) >>> bit) & 1) != 0;
    }

    /** Hot. Returns whether that changed it. */
    boolean set(int bit, boolean value) {
        long at = bit / 64 * 8L;
        long before = words.get(at, Width.U64);
        long after = value ? before | 1L << bit : before & ~(1L << bit);
        if (after == before) {
            return false;
        }
        words.set(at, Width.U64, after);
        return true;
    }

    /** Hot. Returns bits {@code 64 * index} and up. */
    long word(int index) {
        return words.get(8L * index, Width.U64);
    }

    int wordCount() {
        return (count + 63) / 64;
    }

    /** Hot. */
    boolean any() {
        for (int i = 0; i < wordCount(); i++) {
            if (word(i) != 0) {
                return true;
            }
        }
        return false;
    }

    void clear() {
        for (int i = 0; i < wordCount(); i++) {
            if (word(i) != 0) {
                words.set(8L * i, Width.U64, 0);
            }
        }
    }

    StateArray words() {
        return words;
    }
}
