package dev.muser.device.pci;

import static dev.muser.device.MigrationState.PRE_COPY;
import static dev.muser.device.MigrationState.RESUMING;
import static dev.muser.device.MigrationState.RUNNING;
import static dev.muser.device.MigrationState.STOP;
import static dev.muser.device.MigrationState.STOP_COPY;

import dev.muser.device.Migration;
import dev.muser.device.MigrationState;
import dev.muser.device.VfioException;
import dev.muser.linux.Errno;
import java.lang.foreign.MemorySegment;

/** The migration of a device: the state it is in and the position in the stream, kept in state. */
final class PciMigration implements Migration {
    /** So long may the device take to stand still, in nanoseconds; clients wait for 5 s. */
    private static final long PATIENCE = 2_000_000_000;

    private static final MigrationState[] STATES = MigrationState.values();

    /** What stands still in {@link MigrationState#STOP} and beyond. */
    interface Machine {
        /** As {@link Device#quiesce}. */
        boolean quiesce();

        /** As {@link Device#moveExpected}. */
        void moveExpected();

        /** As {@link Device#handOver}. */
        void handOver();

        /** As {@link Device#takeOver}. */
        void takeOver();

        void stop();

        void go();
    }

    private final MigrationStream stream;
    private final Machine machine;
    private final StateField state;
    private final StateField position;

    /** Whether it waits for the device to stand still, and since when, in nanoTime. */
    private boolean quiescing;

    private long quiescingSince;

    PciMigration(MigrationStream stream, Machine machine, DeviceState state) {
        this.stream = stream;
        this.machine = machine;
        this.state = state.field("pci.migration.state", Width.U8);
        position = state.field("pci.migration.position", Width.U64);
        state.ofSession("pci.migration.state");
        state.ofSession("pci.migration.position");
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

    /** Hot. Whether the device stands still. */
    boolean isStopped() {
        return isStopped(state());
    }

    private static boolean isStopped(MigrationState of) {
        return of != RUNNING && of != PRE_COPY;
    }

    @Override
    public boolean prepare(MigrationState target) {
        var current = state();
        if (!isPossible(current, target) || isStopped(current) || !isStopped(target)) {
            return true;
        }
        try {
            if (machine.quiesce()) {
                return true;
            }
        } catch (VfioException e) {
            return true; // the request is told
        }
        if (!quiescing) {
            quiescing = true;
            quiescingSince = System.nanoTime();
        }
        return System.nanoTime() - quiescingSince > PATIENCE;
    }

    private boolean isPossible(MigrationState current, MigrationState target) {
        return switch (target) {
            case STOP, RUNNING, STOP_COPY, RESUMING, PRE_COPY ->
                    (target != PRE_COPY || preCopy())
                            && (current == target || MigrationStates.next(current, target) != null);
            case ERROR, RUNNING_P2P, PRE_COPY_P2P -> false;
        };
    }

    @Override
    public void moveTo(MigrationState target) {
        moveTo(target, true);
    }

    /**
     * Goes there.
     *
     * @param asked whether the client wants the device to go on, if it does: else it goes on
     *     without what another may have by now
     */
    private void moveTo(MigrationState target, boolean asked) {
        var current = state();
        if (!isPossible(current, target)) {
            throw new VfioException(
                    Errno.EINVAL, "migration cannot go from %s to %s".formatted(current, target));
        }
        while (current != target) {
            var next = MigrationStates.next(current, target);
            if (next == null) {
                throw new IllegalStateException(current + " to " + target);
            }
            step(current, next, asked);
            current = next;
        }
    }

    private void step(MigrationState current, MigrationState next, boolean asked) {
        boolean stops = !isStopped(current) && isStopped(next);
        boolean starts = isStopped(current) && !isStopped(next);
        if (stops) {
            stop();
        }
        if (starts && asked) {
            machine.takeOver();
        }
        try {
            stream.transition(current, next);
        } catch (RuntimeException | Error e) {
            if (stops) {
                machine.go();
            } else if (stream instanceof StateStream generic && generic.isSpoilt()) {
                enter(MigrationState.ERROR); // which a reset ends
            }
            throw e;
        }
        enter(next);
        if (next == STOP_COPY) {
            machine.handOver();
        } else if (starts) {
            machine.go();
        } else if (next == PRE_COPY) {
            machine.moveExpected();
        }
    }

    private void stop() {
        quiescing = false;
        boolean quiet = false;
        try {
            quiet = machine.quiesce();
        } finally {
            if (!quiet) {
                machine.go();
            }
        }
        if (!quiet) {
            throw new VfioException(
                    Errno.EBUSY, "the device still has requests under way, and goes on running");
        }
        machine.stop();
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

    /** Whether the author writes the stream. */
    boolean isOwn() {
        return !(stream instanceof StateStream);
    }

    /** Power has come on: the device runs. */
    void start() {
        enter(RUNNING);
    }

    /** A process before this one has left it so. */
    void restored() {
        if (isStopped()) {
            machine.stop();
        }
    }

    /**
     * The client is gone, or has reset the device, and with it goes what was about to be moved: the
     * device runs again. It is the caller's to reset what a stream has left in it.
     */
    void abandon() {
        if (stream instanceof StateStream generic) {
            generic.discard();
        }
        try {
            if (!isOwn() && state() == RESUMING) {
                enter(STOP); // there is nothing to load
            }
            if (state() != MigrationState.ERROR) {
                moveTo(RUNNING, false);
            }
        } catch (VfioException e) {
            // The stream objects, and nobody wants it any more.
        } finally {
            if (state() != RUNNING || quiescing) {
                quiescing = false;
                enter(RUNNING);
                machine.go();
            }
        }
    }
}
