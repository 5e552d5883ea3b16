package dev.muser.device;

/** Why a device is reset. */
public enum ResetKind {
    /** The client asked for it: {@code DEVICE_RESET}. */
    DEVICE,
    /** The guest asked for it, by the PCI Express or advanced-features capability. */
    FUNCTION_LEVEL,
    /** The client's session ended. */
    LOST_CLIENT
}
