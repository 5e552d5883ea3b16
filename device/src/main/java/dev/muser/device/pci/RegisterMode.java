package dev.muser.device.pci;

/** What a driver can do with a register, or with a field of one. */
public enum RegisterMode {
    /** Reads give what was written last. */
    READ_WRITE,
    /** Writes are ignored. */
    READ_ONLY,
    /** Reads give zero. For whole registers only. */
    WRITE_ONLY,
    /** Reads give the value; writing a one clears the bit, writing a zero leaves it. */
    WRITE_ONE_TO_CLEAR,
    /** Reads give the value; writing a one sets the bit, writing a zero leaves it. */
    WRITE_ONE_TO_SET
}
