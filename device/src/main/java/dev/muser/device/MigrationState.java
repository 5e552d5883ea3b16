package dev.muser.device;

/** {@code enum vfio_device_mig_state}; the ordinal is the value on the wire. */
public enum MigrationState {
    ERROR,
    STOP,
    RUNNING,
    STOP_COPY,
    RESUMING,
    RUNNING_P2P,
    PRE_COPY,
    PRE_COPY_P2P
}
