package dev.muser.devices.nvme;

import dev.muser.device.DmaCompletion;
import dev.muser.device.pci.ScatterList;
import dev.muser.devices.storage.StorageOperation;
import dev.muser.devices.storage.StorageRequest;
import dev.muser.linux.Errno;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A command that has been fetched, from then until its completion is on its way: what the driver
 * asked for, its data, and the request to the storage engine, one after the other. Reused.
 *
 * <p>A command that is cancelled, since its controller was reset, is over for the driver; its
 * request may still be with the engine, and is worth nothing when it comes back.
 *
 * <p>Owned by the loop's thread, but for {@code completeLater}.
 */
final class Command extends StorageRequest implements DmaCompletion {
    // bytes of a submission queue entry (NVMe base 1.4, figure 104)
    static final int ENTRY = 64;

    private static final ValueLayout.OfLong LONG =
            ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final Processor processor;
    final ScatterList data;

    // the entry, copied once
    int opcode;
    int fuse;
    int psdt;
    int cid;
    int nsid;
    long pointer1;
    long pointer2;
    int cdw10;
    int cdw11;
    int cdw12;
    int cdw13;
    int cdw14;
    int cdw15;

    /** Where it came from; null when it is not in use. */
    @Nullable SubmissionQueue queue;

    @Nullable Namespace namespace;

    /** Where it is {@linkplain InFlight recorded}. */
    int slot;

    /** Differs between all commands that use this object, one after the other. */
    long serial;

    /** How many bytes its data have. */
    long dataLength;

    /** Whether the data go to the driver. */
    boolean toDriver;

    /** Private memory in place of the driver's, for what must be looked at or cannot be shared. */
    @Nullable MemorySegment buffer;

    /** Whose the private memory is. */
    @Nullable BufferPool lender;

    /** Dword 0 of the completion. */
    int result;

    /** Nobody waits for it any more. */
    boolean cancelled;

    /** Whether a storage engine has it. */
    private boolean submitted;

    /** Whether a transfer by message is under way. */
    private boolean transferring;

    private Continuation then = Command::unexpected;

    /** The write that follows this compare, as one operation. */
    @Nullable Command second;

    /** The compare that went before this write. */
    @Nullable Command first;

    // walking a PRP list or SGL
    long pointer;
    long remaining;
    boolean lastSegment;
    int steps;
    int descriptors;

    /** What to do when the data pointer of an admin command has been followed. */
    Continuation whenMapped = Command::unexpected;

    /** A counter for commands of several steps. */
    long step;

    private volatile int laterErrno;
    private @Nullable MemorySegment laterData;
    private final Runnable later = this::finishLater;

    Command(Processor processor, ScatterList data) {
        this.processor = processor;
        this.data = data;
    }

    private static void unexpected(Command command, int errno) {
        throw new IllegalStateException("nothing was under way for command " + command.cid);
    }

    /** Makes it fresh for an entry that is about to be decoded. */
    void begin(SubmissionQueue from, int itsSlot) {
        queue = from;
        slot = itsSlot;
        namespace = null;
        serial++;
        buffer = null;
        second = null;
        first = null;
        result = 0;
        dataLength = 0;
        cancelled = false;
        submitted = false;
        transferring = false;
    }

    /** Hot. Takes the bytes of an entry (NVMe base 1.4, figures 104 to 106). */
    void decode(MemorySegment from, long at) {
        long head = from.get(LONG, at);
        opcode = (int) head & 0xff;
        fuse = (int) (head >>> 8) & 3;
        psdt = (int) (head >>> 14) & 3;
        cid = (int) (head >>> 16) & 0xffff;
        nsid = (int) (head >>> 32);
        pointer1 = from.get(LONG, at + 24);
        pointer2 = from.get(LONG, at + 32);
        long words = from.get(LONG, at + 40);
        cdw10 = (int) words;
        cdw11 = (int) (words >>> 32);
        words = from.get(LONG, at + 48);
        cdw12 = (int) words;
        cdw13 = (int) (words >>> 32);
        words = from.get(LONG, at + 56);
        cdw14 = (int) words;
        cdw15 = (int) (words >>> 32);
    }

    /** Whether somebody has it who will give it back, and can touch its memory until then. */
    boolean isAway() {
        return submitted || transferring;
    }

    /** Hot. Returns the queue it came from. */
    SubmissionQueue queue() {
        return Objects.requireNonNull(queue);
    }

    Namespace namespace() {
        return Objects.requireNonNull(namespace);
    }

    /** Whether nothing else may happen in the namespace meanwhile. */
    boolean isExclusive() {
        return second != null;
    }

    /** Hot. Returns the first logical block that it is about. */
    long firstBlock() {
        return Integer.toUnsignedLong(cdw10) | (long) cdw11 << 32;
    }

    /** Hot. Returns how many logical blocks it is about. */
    int blocks() {
        return (cdw12 & 0xffff) + 1;
    }

    boolean forceUnit() {
        return (cdw12 & 1 << 30) != 0;
    }

    boolean isWrite() {
        return opcode == Opcode.WRITE
                || opcode == Opcode.WRITE_ZEROES
                || opcode == Opcode.DATASET_MANAGEMENT;
    }

    /** Hot. Starts a request to the engine of its namespace; {@code after} runs when it is done. */
    void submit(
            StorageOperation operation,
            long offset,
            long length,
            boolean forceUnitAccess,
            boolean mayDeallocate,
            Continuation after) {
        prepare(operation, offset, length, forceUnitAccess, mayDeallocate);
        then = after;
        submitted = true;
        processor.left();
        namespace().submit(this);
    }

    /** Says what is to be done when the transfer by message is over that now begins. */
    DmaCompletion transfer(Continuation after) {
        then = after;
        transferring = true;
        processor.left();
        return this;
    }

    /** Returns the private memory for its data. */
    MemorySegment privateData() {
        return Objects.requireNonNull(buffer).asSlice(0, dataLength);
    }

    // ---- the storage engine's view ----

    @Override
    public int put(long at, MemorySegment from, long position, long count) {
        if (cancelled) {
            return Errno.ECANCELED;
        }
        var b = buffer;
        if (b != null) {
            MemorySegment.copy(from, position, b, at, count);
            return 0;
        }
        return data.writeNow(at, from, position, count);
    }

    @Override
    public int get(long at, MemorySegment into, long position, long count) {
        if (cancelled) {
            return Errno.ECANCELED;
        }
        var b = buffer;
        if (b != null) {
            MemorySegment.copy(b, at, into, position, count);
            return 0;
        }
        return data.readNow(at, into, position, count);
    }

    @Override
    public int pieces() {
        if (cancelled) {
            return 0; // what begins only now is about memory that may be something else
        }
        if (buffer != null) {
            return 1;
        }
        // other memory may have been unmapped since
        int there = data.refresh() == 0 && data.isShared() ? data.pieces() : 0;
        if (there != 0 && operation() == StorageOperation.READ) {
            data.beginWrites();
        }
        return there;
    }

    @Override
    public long pieceAddress(int index) {
        var b = buffer;
        return b != null ? b.address() : data.address(index);
    }

    @Override
    public long pieceLength(int index) {
        return buffer != null ? length() : data.pieceLength(index);
    }

    @Override
    public void complete(int errno) {
        if (!submitted) {
            throw new IllegalStateException("a request is completed that is not under way");
        }
        submitted = false;
        data.endWrites();
        processor.returned();
        namespace().returned();
        if (cancelled) {
            processor.release(this);
            return;
        }
        then.run(this, errno);
        processor.wake();
    }

    /** The driver does not wait for it any more; gives it back unless it is away. */
    void cancel() {
        cancelled = true;
        if (!isAway()) {
            processor.release(this);
        }
    }

    @Override
    public void completeLater(int errno) {
        laterErrno = errno;
        processor.loop().execute(later);
    }

    @Override
    public void completeLater(int errno, MemorySegment bytes) {
        laterData = bytes;
        completeLater(errno); // publishes
    }

    private void finishLater() {
        int errno = laterErrno;
        var bytes = laterData;
        laterData = null;
        if (errno == 0 && bytes != null) {
            errno = put(0, bytes, 0, length());
        }
        complete(errno);
    }

    // ---- a transfer by message is over ----

    @Override
    public void done(int errno) {
        transferring = false;
        processor.returned();
        if (cancelled) {
            processor.release(this);
            return;
        }
        then.run(this, errno);
        processor.wake();
    }
}
