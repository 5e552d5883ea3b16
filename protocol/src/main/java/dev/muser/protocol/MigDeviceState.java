package dev.muser.protocol;

import java.lang.foreign.MemorySegment;

/** The data of GET and SET {@link DeviceFeature#MIG_DEVICE_STATE}: where a migration stands. */
public final class MigDeviceState extends Payload {
    // struct vfio_device_feature_mig_state {
    //     u32 device_state;    @0
    //     i32 data_fd;         @4  unused on a socket, echoed
    // };
    private static final int STATE = 0;
    private static final int DATA_FD = 4;

    /** Length in bytes. */
    public static final int SIZE = 8;

    public static final int ERROR = 0;
    public static final int STOP = 1;
    public static final int RUNNING = 2;
    public static final int STOP_COPY = 3;
    public static final int RESUMING = 4;
    public static final int RUNNING_P2P = 5;
    public static final int PRE_COPY = 6;
    public static final int PRE_COPY_P2P = 7;

    public MigDeviceState wrap(MemorySegment segment, long offset, int length) {
        point(segment, offset, length);
        return this;
    }

    /**
     * Checks the data of a SET: a state that has a name. Whether it can be reached is the device's
     * to say.
     */
    public int validateRequest() {
        return length() < SIZE || u32(STATE) > PRE_COPY_P2P ? Wire.EINVAL : 0;
    }

    /** Checks the data of a reply. */
    public int validateReply() {
        return validateRequest();
    }

    /** Returns the state, {@link #ERROR} to {@link #PRE_COPY_P2P}. */
    public int state() {
        return i32(STATE);
    }

    /** Returns the descriptor number that nobody uses here. */
    public int dataFd() {
        return i32(DATA_FD);
    }

    /** Writes the data of a request or a reply; returns their length. */
    public static int encode(MemorySegment segment, long at, int state, int dataFd) {
        Wire.u32(segment, at + STATE, state);
        Wire.u32(segment, at + DATA_FD, dataFd);
        return SIZE;
    }
}
