package dev.muser.device.pci;

import java.util.List;

/**
 * What a register is and holds at one moment, for an inspector. Taking it has no side effects. The
 * counts are statistics of this process: they begin again at 0 with a restart.
 *
 * @param name as declared
 * @param offset from the start of the BAR, in bytes
 * @param value what the device sees: also for write-only registers the value
 * @param reads how often a driver has read it, whole or in part
 * @param writes how often a driver has written it, whole or in part
 * @param refused how many of these accesses had a width that the register does not take
 */
public record RegisterSnapshot(
        String name,
        long offset,
        Width width,
        RegisterMode mode,
        List<Field> fields,
        long value,
        long reads,
        long writes,
        long refused) {

    /** A field of the register, its value shifted down to bit 0. */
    public record Field(String name, int lowBit, int bits, RegisterMode mode, long value) {}

    /** Whether a driver has ever read or written it. */
    public boolean touched() {
        return reads != 0 || writes != 0;
    }
}
