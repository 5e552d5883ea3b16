package dev.muser.protocol;

import java.lang.foreign.MemorySegment;

/** The data of GET {@link DeviceFeature#MIGRATION}: how the device can be migrated. */
public final class MigrationFeature extends Payload {
    // struct vfio_device_feature_migration {
    //     u64 flags;    @0
    // };
    private static final int FLAGS = 0;

    /** Length in bytes. */
    public static final int SIZE = 8;

    public static final long STOP_COPY = 1;
    public static final long P2P = 2;
    public static final long PRE_COPY = 4;

    public MigrationFeature wrap(MemorySegment segment, long offset, int length) {
        point(segment, offset, length);
        return this;
    }

    public int validateReply() {
        return length() < SIZE ? Wire.EINVAL : 0;
    }

    public long flags() {
        return u64(FLAGS);
    }

    public static int encodeReply(MemorySegment segment, long at, long flags) {
        Wire.u64(segment, at + FLAGS, flags);
        return SIZE;
    }
}
