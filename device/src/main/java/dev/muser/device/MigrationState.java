package dev.muser.device;

/** {@code enum vfio_device_mig_state}. */
public enum MigrationState {
    ERROR(0),
    STOP(1),
    RUNNING(2),
    STOP_COPY(3),
    RESUMING(4),
    RUNNING_P2P(5),
    PRE_COPY(6),
    PRE_COPY_P2P(7);

    private static final MigrationState[] STATES = values();

    private final int number;

    MigrationState(int number) {
        this.number = number;
    }

    /** Returns the value on the wire. */
    public int number() {
        return number;
    }

    /** Returns the state of value {@code number}, 0 to 7. */
    public static MigrationState of(int number) {
        return STATES[number];
    }
}
