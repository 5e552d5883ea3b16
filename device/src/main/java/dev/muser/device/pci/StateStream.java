package dev.muser.device.pci;

import static dev.muser.device.MigrationState.PRE_COPY;
import static dev.muser.device.MigrationState.RESUMING;
import static dev.muser.device.MigrationState.RUNNING;
import static dev.muser.device.MigrationState.STOP;
import static dev.muser.device.MigrationState.STOP_COPY;

import dev.muser.device.MigrationState;
import dev.muser.device.VfioException;
import dev.muser.device.state.StateMismatchException;
import dev.muser.device.stream.IncomingStream;
import dev.muser.device.stream.MovedArea;
import dev.muser.device.stream.OutgoingStream;
import dev.muser.device.stream.StreamException;
import dev.muser.linux.Errno;
import dev.muser.linux.SyscallException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The migration stream of a device whose author writes none: its state, the memory of its BARs, and
 * what it names besides.
 *
 * <p>A stream is begun and ended by one process. When a process dies in between, the next one
 * refuses to go on, and the client begins the migration again.
 */
final class StateStream implements MigrationStream {
    /** So much longer may the state of another build be. */
    private static final long MOST_STATE = 64L << 20;

    private static final int MOST_REASON = 400;

    private final MovedDevice device;
    private @Nullable OutgoingStream outgoing;
    private @Nullable IncomingStream incoming;
    private boolean spoilt;

    /** Bytes of the stream that have been read or written, by this process or one before it. */
    private final StateField moved;

    StateStream(MovedDevice device) {
        this.device = device;
        moved = device.state().field("pci.migration.moved", Width.U64);
        device.state().ofSession("pci.migration.moved");
    }

    @Override
    public void transition(MigrationState from, MigrationState to) {
        if (to == PRE_COPY || (from == STOP && to == STOP_COPY)) {
            begin();
        }
        if (to == STOP_COPY) {
            stop();
        } else if (from == RESUMING && to == STOP) {
            load();
        } else if (to == RESUMING) {
            discard();
            moved.set(0);
            incoming = new IncomingStream(receiver());
        } else if (to == RUNNING || (from == STOP_COPY && to == STOP)) {
            outgoing = null;
        }
    }

    private List<MovedArea> areas() {
        var areas = new ArrayList<MovedArea>();
        device.memory().forEach(memory -> areas.add(memory.area()));
        areas.add(new MovedState(device.state()));
        return areas;
    }

    private void begin() {
        moved.set(0);
        outgoing = new OutgoingStream(device.identity(), areas());
    }

    /** Returns the stream that was begun; a process after that one can only begin another. */
    private OutgoingStream outgoing() {
        if (outgoing == null) {
            requireNothingMoved();
            begin();
            if (device.isStopped()) {
                Objects.requireNonNull(outgoing).stop();
            }
        }
        return Objects.requireNonNull(outgoing);
    }

    private IncomingStream incoming() {
        if (incoming == null) {
            requireNothingMoved();
            incoming = new IncomingStream(receiver());
        }
        return incoming;
    }

    private void requireNothingMoved() {
        if (moved.get() != 0) {
            throw new VfioException(
                    Errno.EIO,
                    "the device's process was replaced in the middle of a migration: begin it"
                            + " again");
        }
    }

    private void stop() {
        var stream = outgoing();
        if (!stream.isOf(areas())) {
            throw new VfioException(
                    Errno.EBUSY,
                    "the device's memory is not what it was when its copying began: begin again");
        }
        stream.stop();
    }

    @Override
    public int read(long position, MemorySegment buffer, long at, int count) {
        int done = outgoing().read(buffer, at, count);
        moved.set(moved.get() + done);
        return done;
    }

    @Override
    public void write(long position, MemorySegment buffer, long at, int count) {
        var stream = incoming();
        moved.set(moved.get() + count);
        try {
            stream.write(buffer, at, count);
        } catch (StreamException e) {
            throw refused(e);
        }
    }

    /** What the sender wrote may be in the reason, which is to be a line of a log, and no more. */
    private static VfioException refused(RuntimeException e) {
        var reason = String.valueOf(e.getMessage());
        if (reason.length() > MOST_REASON) {
            reason = reason.substring(0, MOST_REASON) + "...";
        }
        return new VfioException(
                Errno.EINVAL, "migration stream refused: " + reason.replaceAll("[^ -~]", "?"));
    }

    /** Whether the device has become neither what it was nor what has come. */
    boolean isSpoilt() {
        return spoilt;
    }

    /** Nothing that has come in is wanted. */
    void discard() {
        spoilt = false;
        if (incoming != null) {
            incoming.close();
        }
        incoming = null;
        outgoing = null;
    }

    private IncomingStream.Receiver receiver() {
        var mine = device.state().movedLayout();
        return new IncomingStream.Receiver() {
            @Override
            public void identity(String identity) {
                device.requireSame(identity);
            }

            @Override
            public void area(String name, int version, long length) {
                boolean isState = name.equals(MovedState.NAME);
                requireArea(name, version, isState ? MovedState.VERSION : 1);
                if (isState ? length > mine.size() + MOST_STATE : length != sizeOf(name)) {
                    throw new StreamException(
                            "%s has %d bytes in the stream and %d here"
                                    .formatted(name, length, isState ? mine.size() : sizeOf(name)));
                }
            }
        };
    }

    private static void requireArea(String name, int version, int known) {
        if (version < 1 || version > known) {
            throw new StreamException(
                    "%s has version %d in the stream, and this build reads %d: upgrade this side"
                            .formatted(name, version, known));
        }
    }

    private long sizeOf(String name) {
        for (var memory : device.memory()) {
            if (memory.name().equals(name)) {
                return memory.size();
            }
        }
        throw new StreamException("%s is not known to this device or build".formatted(name));
    }

    private void load() {
        var stream = incoming();
        if (stream.hasBegun()) {
            try {
                device.load(stream.complete());
            } catch (StreamException | StateMismatchException e) {
                throw refused(e);
            } catch (SyscallException e) {
                spoilt = true;
                throw new VfioException(
                        e.errno(), "what has come could not be stored: " + e.getMessage());
            } catch (RuntimeException | Error e) {
                spoilt = true; // the author's code failed, beyond all checks
                throw e;
            }
        }
        discard();
    }
}
