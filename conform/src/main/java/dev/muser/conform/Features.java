package dev.muser.conform;

/** Numbers of DEVICE_FEATURE (vfio-user, "VFIO_USER_DEVICE_FEATURE"). */
final class Features {
    static final int GET = 1 << 16;
    static final int SET = 1 << 17;
    static final int PROBE = 1 << 18;

    static final int MIGRATION = 1;
    static final int MIG_DEVICE_STATE = 2;
    static final int LOGGING_START = 6;
    static final int LOGGING_STOP = 7;
    static final int LOGGING_REPORT = 8;

    /** What MIGRATION says. */
    static final int STOP_COPY_FLAG = 1;

    static final int P2P_FLAG = 2;
    static final int PRE_COPY_FLAG = 4;

    /** States of MIG_DEVICE_STATE. */
    static final int ERROR_STATE = 0;

    static final int STOP = 1;
    static final int RUNNING = 2;
    static final int STOP_COPY = 3;
    static final int RESUMING = 4;
    static final int RUNNING_P2P = 5;
    static final int PRE_COPY = 6;
    static final int PRE_COPY_P2P = 7;

    private Features() {}
}
