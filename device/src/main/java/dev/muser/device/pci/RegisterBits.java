package dev.muser.device.pci;

/**
 * What happens to each bit of a register when a driver reads or writes it. A bit that is in none of
 * the write masks is read-only.
 *
 * @param readable bits that reads show
 * @param plain bits that take what is written
 * @param clear bits that a written one clears
 * @param set bits that a written one sets
 * @param reset value at reset
 */
record RegisterBits(long readable, long plain, long clear, long set, long reset) {

    boolean writable() {
        return (plain | clear | set) != 0;
    }

    /** Hot. Returns what becomes of {@code before}; {@code enabled} are the bits written. */
    long written(long before, long value, long enabled) {
        long stored = plain & enabled;
        long ones = value & enabled;
        return (((before & ~stored) | (ones & stored)) & ~(ones & clear)) | (ones & set);
    }
}
