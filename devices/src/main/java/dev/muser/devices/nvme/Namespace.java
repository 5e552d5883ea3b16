package dev.muser.devices.nvme;

import dev.muser.device.EventLoop;
import dev.muser.devices.storage.Storage;
import dev.muser.devices.storage.StorageInfo;
import dev.muser.devices.storage.StorageOperation;
import dev.muser.devices.storage.StorageRequest;
import java.util.ArrayDeque;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** A namespace: a number of logical blocks in a storage engine, and what is under way there. */
final class Namespace {
    /** Its identifier; 0 until it has one. */
    int id;

    private final NamespaceRecords records;

    /** Which record is its own; 0, where counters of the past are, when it has been removed. */
    private int record;

    private final NamespaceOptions options;
    private final Storage storage;
    private final boolean readOnly;
    private final UUID uuid;
    private final String description;

    // as the record says

    /** Logical block size, as a power of two. */
    private int shift;

    private boolean attached;

    /** The driver has protected it against writes. */
    private boolean writeProtected;

    /** Those that have waited are being begun. */
    boolean goingOn;

    /** A format is under way. */
    boolean formatting;

    /** Requests at the storage. */
    private int away;

    /** Commands that have been started and are not over. */
    private int active;

    /** A command that wants to be alone, and those that wait for its end. */
    private @Nullable Command alone;

    private final ArrayDeque<Command> waiting = new ArrayDeque<>();

    private boolean submittedSinceKick;

    /** Whether something may have been written since a {@link #settle} began. */
    private boolean unsettled = true;

    /** What became of the last, and is to be told to the driver when it flushes: 0 or an errno. */
    private int settleFailure;

    // what went in and out since that was last noted
    private long readCommands;
    private long writeCommands;
    private long bytesRead;
    private long bytesWritten;

    Namespace(NamespaceOptions options, NamespaceRecords records) {
        this.options = options;
        this.records = records;
        storage = options.storage();
        readOnly = options.readOnly();
        uuid = options.uuid();
        description = options.description();
    }

    /** It is new, and gets that identifier. */
    void create(int newId) {
        records.create(newId, uuid);
        records.attached(newId, options.attached());
        records.shift(newId, Integer.numberOfTrailingZeros(options.blockSize()));
        open(newId);
    }

    /** It is the one that has that identifier. */
    void open(int itsId) {
        id = itsId;
        record = itsId;
        attached = records.isAttached(itsId);
        writeProtected = records.isProtected(itsId);
        shift = records.shift(itsId);
    }

    /** It is removed. What comes back of its commands counts for the past. */
    void remove() {
        attached = false;
        noteCounters();
        records.retire(record);
        record = 0;
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

    /** Hot. Whether the controller has it. */
    boolean isAttached() {
        return attached;
    }

    void attach(boolean on) {
        attached = on;
        records.attached(record, on);
    }

    /** Protects it against writes, or not. */
    void protect(boolean on) {
        writeProtected = on;
        records.writeProtected(record, on);
    }

    /** Returns the value of the Error Recovery feature. */
    int errorRecovery() {
        return records.errorRecovery(record);
    }

    void errorRecovery(int value) {
        records.errorRecovery(record, value);
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
        records.shift(record, newShift);
    }

    /** Hot. Returns how many logical blocks it has. */
    long blocks() {
        return storage.info().size() >>> shift;
    }

    /** Hot. */
    void submit(StorageRequest request) {
        away++;
        submittedSinceKick = true;
        var operation = request.operation();
        if (operation == StorageOperation.FLUSH && settleFailure != 0) {
            int errno = settleFailure; // the storage may tell of an error only once
            settleFailure = 0;
            request.complete(errno);
            return;
        }
        unsettled |= operation != StorageOperation.READ;
        storage.submit(request);
    }

    /**
     * Begins to make durable what was written since the last time.
     *
     * @return false when there was nothing
     */
    boolean settle(EventLoop loop) {
        var info = storage.info();
        if (!unsettled || info.readOnly() || !info.volatileCache()) {
            return false;
        }
        unsettled = false;
        away++;
        submittedSinceKick = true;
        storage.submit(new Settling(loop));
        return true;
    }

    /** Returns 0, or the errno of the last {@link #settle}, until the driver was told. */
    int settleFailure() {
        return settleFailure;
    }

    private final class Settling extends OwnFlush {
        Settling(EventLoop loop) {
            super(loop);
        }

        @Override
        public void complete(int errno) {
            returned();
            if (errno != 0) {
                unsettled = true;
                settleFailure = errno;
            }
        }
    }

    /** Hot. A request has come back. */
    void returned() {
        away--;
    }

    /** Hot. Whether requests are with the storage. */
    boolean isAway() {
        return away != 0;
    }

    /** Whether the storage has requests that have begun there. */
    boolean isUnderWay() {
        return away > storage.waiting();
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

    /** Hot. A read has succeeded. */
    void countRead(long bytes) {
        readCommands++;
        bytesRead += bytes;
    }

    /** Hot. A write has succeeded. */
    void countWrite(long bytes) {
        writeCommands++;
        bytesWritten += bytes;
    }

    /** Hot. Notes what was counted. */
    void noteCounters() {
        if ((readCommands | writeCommands) != 0) {
            records.count(record, readCommands, writeCommands, bytesRead, bytesWritten);
            readCommands = 0;
            writeCommands = 0;
            bytesRead = 0;
            bytesWritten = 0;
        }
    }

    NamespaceCounters counters() {
        noteCounters();
        return records.counters(record);
    }

    /** The controller is reset: nobody waits, nothing that is under way counts. */
    void forget() {
        waiting.clear();
        alone = null;
        active = 0;
        formatting = false;
    }
}
