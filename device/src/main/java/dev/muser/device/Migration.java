package dev.muser.device;

import java.lang.foreign.MemorySegment;

/** A device's migration ({@code VFIO_DEVICE_FEATURE_MIGRATION}, version 2 of VFIO's protocol). */
public interface Migration {

    /** Whether the stream can begin while the device runs. */
    boolean preCopy();

    /** Returns the present state. */
    MigrationState state();

    /**
     * Prepares for {@link #moveTo}, which must not wait for what a device still has under way
     * elsewhere, such as requests to a disk; called again, after a while, until it is true.
     *
     * @return whether {@link #moveTo} can be called: it works, or will not work soon
     */
    default boolean prepare(MigrationState target) {
        return true;
    }

    /**
     * Goes to a state by the shortest way that VFIO allows.
     *
     * @throws VfioException EINVAL when there is none, EBUSY when the device cannot stand still;
     *     the state is the last one reached
     */
    void moveTo(MigrationState target);

    /**
     * Reads the next bytes of the outgoing stream.
     *
     * @return how many; 0 at its end
     * @throws VfioException EINVAL in a state without an outgoing stream
     */
    int read(MemorySegment buffer, long at, int count);

    /**
     * Takes the next bytes of the incoming stream, all of them.
     *
     * @throws VfioException EINVAL in a state without an incoming stream, ENOSPC when it is too
     *     long
     */
    void write(MemorySegment buffer, long at, int count);
}
