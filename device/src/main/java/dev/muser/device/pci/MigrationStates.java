package dev.muser.device.pci;

import static dev.muser.device.MigrationState.PRE_COPY;
import static dev.muser.device.MigrationState.RESUMING;
import static dev.muser.device.MigrationState.RUNNING;
import static dev.muser.device.MigrationState.STOP;
import static dev.muser.device.MigrationState.STOP_COPY;

import dev.muser.device.MigrationState;
import org.jspecify.annotations.Nullable;

/**
 * The ways between the migration states of a device without peer-to-peer states ({@code
 * linux/vfio.h}, {@code enum vfio_device_mig_state}).
 *
 * <p>The arcs are RUNNING to and from STOP; STOP to and from STOP_COPY and RESUMING; RUNNING to and
 * from PRE_COPY; PRE_COPY to STOP_COPY. Other ways are the shortest over these that do not pass
 * through STOP_COPY or PRE_COPY. There is none from STOP_COPY to PRE_COPY, nor to or from ERROR.
 */
final class MigrationStates {
    private MigrationStates() {}

    /**
     * Returns the state after {@code from} on the way to {@code to}, which is another one; null
     * when there is no way.
     */
    static @Nullable MigrationState next(MigrationState from, MigrationState to) {
        return switch (from) {
            case STOP ->
                    switch (to) {
                        case RUNNING, PRE_COPY -> RUNNING;
                        case STOP_COPY, RESUMING -> to;
                        default -> null;
                    };
            case RUNNING ->
                    switch (to) {
                        case STOP, STOP_COPY, RESUMING -> STOP;
                        case PRE_COPY -> PRE_COPY;
                        default -> null;
                    };
            case STOP_COPY ->
                    switch (to) {
                        case STOP, RUNNING, RESUMING -> STOP;
                        default -> null;
                    };
            case RESUMING ->
                    switch (to) {
                        case STOP, RUNNING, STOP_COPY, PRE_COPY -> STOP;
                        default -> null;
                    };
            case PRE_COPY ->
                    switch (to) {
                        case STOP_COPY -> STOP_COPY;
                        case STOP, RUNNING, RESUMING -> RUNNING;
                        default -> null;
                    };
            case ERROR, RUNNING_P2P, PRE_COPY_P2P -> null;
        };
    }

    /** Whether the outgoing stream can be read. */
    static boolean outgoing(MigrationState state) {
        return state == STOP_COPY || state == PRE_COPY;
    }

    /** Whether the incoming stream can be written. */
    static boolean incoming(MigrationState state) {
        return state == RESUMING;
    }
}
