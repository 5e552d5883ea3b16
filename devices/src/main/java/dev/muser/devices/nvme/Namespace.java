package dev.muser.devices.nvme;

import dev.muser.devices.storage.Storage;
import dev.muser.devices.storage.StorageInfo;
import dev.muser.devices.storage.StorageRequest;
import java.util.ArrayDeque;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** A namespace: a number of logical blocks in a storage engine, and what is under way there. */
final class Namespace {
    final int id;
    private final Storage storage;
    private final boolean readOnly;
    private final UUID uuid;
    private final String description;

    /** Logical block size, as a power of two. */
    private int shift;

    /** Whether the controller has it. */
    boolean attached;

    /** Those that have waited are being begun. */
    boolean goingOn;

    /** A format is under way. */
    boolean formatting;

    /** The driver has protected it against writes. */
    boolean writeProtected;

    /** The value of the Error Recovery feature. */
    int errorRecovery;

    /** Requests at the storage. */
    private int away;

    /** Commands that have been started and are not over. */
    private int active;

    /** A command that wants to be alone, and those that wait for its end. */
    private @Nullable Command alone;

    private final ArrayDeque<Command> waiting = new ArrayDeque<>();

    private boolean submittedSinceKick;

    // statistics
    long readCommands;
    long writeCommands;
    long bytesRead;
    long bytesWritten;

    Namespace(int id, NamespaceOptions options) {
        this.id = id;
        storage = options.storage();
        readOnly = options.readOnly();
        attached = options.attached();
        uuid = options.uuid();
        description = options.description();
        shift = Integer.numberOfTrailingZeros(options.blockSize());
    }

    Storage storage() {
        return storage;
    }

    UUID uuid() {
        return uuid;
    }

    String description() {
        return description;
    }

    boolean isReadOnly() {
        return writeProtected || isAlwaysReadOnly();
    }

    /** Whether the driver cannot change that. */
    boolean isAlwaysReadOnly() {
        return readOnly || storage.info().readOnly();
    }

    StorageInfo info() {
        return storage.info();
    }

    /** Hot. Returns the logical block size as a power of two. */
    int shift() {
        return shift;
    }

    void shift(int newShift) {
        shift = newShift;
    }

    /** Hot. Returns how many logical blocks it has. */
    long blocks() {
        return storage.info().size() >>> shift;
    }

    /** Hot. */
    void submit(StorageRequest request) {
        away++;
        submittedSinceKick = true;
        storage.submit(request);
    }

    /** Hot. A request has come back. */
    void returned() {
        away--;
    }

    /** Hot. Whether requests are with the storage. */
    boolean isAway() {
        return away != 0;
    }

    /** Hot. Begins what was submitted; returns whether anything was. It may be done by now. */
    boolean kick() {
        boolean any = submittedSinceKick;
        if (any) {
            submittedSinceKick = false;
            storage.kick();
        }
        return any;
    }

    /** Hot. */
    boolean poll() {
        return away != 0 && storage.poll();
    }

    /**
     * Hot. A command wants to begin.
     *
     * @param exclusive whether it must not overlap with any other
     * @return false when it has to wait; it is begun later, by {@link #nextToBegin}
     */
    boolean begin(Command command, boolean exclusive) {
        if (alone != null || (exclusive && active != 0) || !waiting.isEmpty()) {
            waiting.add(command);
            return false;
        }
        active++;
        if (exclusive) {
            alone = command;
        }
        return true;
    }

    /** Hot. A command that has begun is over. */
    void end(Command command) {
        active--;
        if (alone == command) {
            alone = null;
        }
    }

    /** Hot. Returns whether commands wait that may be able to begin now. */
    boolean hasWaiting() {
        return !waiting.isEmpty() && alone == null;
    }

    /** Takes the next that waits if it can begin now. */
    @Nullable Command nextToBegin() {
        var next = waiting.peek();
        if (next == null || alone != null || (next.isExclusive() && active != 0)) {
            return null;
        }
        waiting.remove();
        active++;
        if (next.isExclusive()) {
            alone = next;
        }
        return next;
    }

    NamespaceCounters counters() {
        return new NamespaceCounters(readCommands, writeCommands, bytesRead, bytesWritten);
    }

    /** The controller is reset: nobody waits, nothing that is under way counts. */
    void forget() {
        waiting.clear();
        alone = null;
        active = 0;
        formatting = false;
    }
}
