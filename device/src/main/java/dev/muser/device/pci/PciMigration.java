package dev.muser.device.pci;

import dev.muser.device.Migration;
import dev.muser.device.MigrationState;
import dev.muser.device.VfioException;
import dev.muser.linux.Errno;
import java.lang.foreign.MemorySegment;

/** The migration of a device: the state it is in and the position in the stream, kept in state. */
final class PciMigration implements Migration {
    private static final MigrationState[] STATES = MigrationState.values();

    private final MigrationStream stream;
    private final StateField state;
    private final StateField position;

    PciMigration(MigrationStream stream, DeviceState state) {
        this.stream = stream;
        this.state = state.field("pci.migration.state", Width.U8);
        position = state.field("pci.migration.position", Width.U64);
    }

    @Override
    public boolean preCopy() {
        return stream.preCopy();
    }

    @Override
    public MigrationState state() {
        long s = state.get();
        return s < STATES.length ? STATES[(int) s] : MigrationState.ERROR;
    }

    @Override
    public void moveTo(MigrationState target) {
        var current = state();
        boolean possible =
                switch (target) {
                    case STOP, RUNNING, STOP_COPY, RESUMING -> true;
                    case PRE_COPY -> preCopy();
                    case ERROR, RUNNING_P2P, PRE_COPY_P2P -> false;
                };
        if (!possible || (current != target && MigrationStates.next(current, target) == null)) {
            throw new VfioException(
                    Errno.EINVAL, "migration cannot go from %s to %s".formatted(current, target));
        }
        while (current != target) {
            var next = MigrationStates.next(current, target);
            if (next == null) {
                throw new IllegalStateException(current + " to " + target);
            }
            stream.transition(current, next);
            enter(next);
            current = next;
        }
    }

    @SuppressWarnings("EnumOrdinal") // MigrationState defines its ordinal: the value on the wire
    private void enter(MigrationState next) {
        state.set(next.ordinal());
        position.set(0);
    }

    @Override
    public int read(MemorySegment buffer, long at, int count) {
        if (!MigrationStates.outgoing(state())) {
            throw new VfioException(Errno.EINVAL, "no migration data to read in " + state());
        }
        int done = stream.read(position.get(), buffer, at, count);
        position.set(position.get() + done);
        return done;
    }

    @Override
    public void write(MemorySegment buffer, long at, int count) {
        if (!MigrationStates.incoming(state())) {
            throw new VfioException(Errno.EINVAL, "no migration data is taken in " + state());
        }
        stream.write(position.get(), buffer, at, count);
        position.set(position.get() + count);
    }

    /** Power has come on: the device runs. */
    void start() {
        enter(MigrationState.RUNNING);
    }

    /**
     * The client is gone, or has reset the device, and with it goes what was about to be moved: the
     * device runs again. It is the caller's to reset what a stream has left in it.
     */
    void abandon() {
        try {
            if (state() != MigrationState.ERROR) {
                moveTo(MigrationState.RUNNING);
            }
        } catch (VfioException e) {
            // The stream objects, and nobody wants it any more.
        } finally {
            if (state() != MigrationState.RUNNING) {
                enter(MigrationState.RUNNING);
            }
        }
    }
}
