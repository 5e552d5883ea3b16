package dev.muser.devices.nvme;

import dev.muser.device.DmaAccess;
import dev.muser.device.pci.GuestMemory;
import dev.muser.devices.storage.StorageOperation;
import java.util.Objects;

/**
 * The NVM command set (NVMe base 1.4, 6): what a driver asks of namespaces, from the entry to the
 * request to the storage engine, and back.
 */
final class NvmCommands {
    private static final int DEALLOCATE = 1 << 25;

    private final Processor processor;
    private final Namespaces namespaces;
    private final DataPointer pointers;
    private final BufferPool buffers;
    private final CompareCommand compare;
    private final FusedCommands fused;
    private final DatasetManagement datasets;
    private final FlushCommand flushes;

    private final Continuation transferred = this::transferred;
    private final Continuation copied = this::copied;
    private final Continuation readForDriver = this::readForDriver;
    private final Continuation readPrivately = this::readPrivately;
    private final Continuation fetchPrivately = this::fetchPrivately;
    private final Continuation writePrivately = this::writePrivately;
    private final Continuation verifyPart = this::verifyPart;
    private final Continuation verifyNext = this::verifyNext;

    /** Whether each write is durable when it completes. */
    private boolean writeThrough;

    NvmCommands(
            Processor processor, Namespaces namespaces, GuestMemory memory, BufferPool buffers) {
        this.processor = processor;
        this.namespaces = namespaces;
        this.buffers = buffers;
        pointers = new DataPointer(memory, this::mapped);
        compare = new CompareCommand(this, buffers);
        fused = new FusedCommands(processor);
        datasets = new DatasetManagement(processor, this, buffers);
        flushes = new FlushCommand(processor, namespaces);
    }

    /** Sets the size of a memory page in bytes. */
    void pageSize(long bytes) {
        pointers.pageSize(bytes);
    }

    /** Says whether a write may be lost after its completion, until a flush. */
    void writeCache(boolean on) {
        writeThrough = !on;
    }

    /** Hot. Takes a command of an I/O queue. */
    void execute(Command c) {
        if (c.fuse == 0 && c.queue().fused == null) {
            dispatch(c);
            return;
        }
        var whole = fused.take(c);
        if (whole != null) {
            dispatch(whole);
        }
    }

    /** Goes on with a pair whose blocks a process before this one has compared. */
    void goOnWithSecond(Command compared, Command write) {
        compared.second = write;
        var namespace = namespaces.attached(compared.nsid);
        if (namespace == null) {
            refuse(compared, Namespaces.whyMissing(compared.nsid));
            return;
        }
        compared.namespace = namespace;
        if (namespace.begin(compared, true)) { // always, since nothing else has begun
            goOnWithSecond(compared);
        }
    }

    private void dispatch(Command c) {
        int opcode = c.opcode;
        if (opcode == Opcode.FLUSH) {
            flushes.execute(c);
            return;
        }
        var namespace = namespaces.attached(c.nsid);
        if (namespace == null) {
            refuse(c, isKnown(opcode) ? Namespaces.whyMissing(c.nsid) : Status.INVALID_OPCODE);
            return;
        }
        c.namespace = namespace;
        if (namespace.formatting) {
            refuse(c, Status.FORMAT_IN_PROGRESS);
            return;
        }
        switch (opcode) {
            case Opcode.READ, Opcode.WRITE, Opcode.COMPARE -> transfer(c, namespace);
            case Opcode.WRITE_ZEROES, Opcode.VERIFY -> {
                int status = checkRange(c, namespace, opcode == Opcode.WRITE_ZEROES);
                if (status == 0) {
                    begin(c);
                } else {
                    processor.finish(c, status);
                }
            }
            case Opcode.DATASET_MANAGEMENT -> {
                if (namespace.isReadOnly()) {
                    processor.finish(c, Status.NAMESPACE_WRITE_PROTECTED);
                } else {
                    c.toDriver = false;
                    map(c, DatasetManagement.length(c));
                }
            }
            default -> processor.finish(c, Status.INVALID_OPCODE);
        }
    }

    private static boolean isKnown(int opcode) {
        return switch (opcode) {
            case Opcode.READ,
                    Opcode.WRITE,
                    Opcode.COMPARE,
                    Opcode.WRITE_ZEROES,
                    Opcode.VERIFY,
                    Opcode.DATASET_MANAGEMENT ->
                    true;
            default -> false;
        };
    }

    /** Hot. Returns 0 when all blocks are there and may be used so. */
    static int checkRange(Command c, Namespace namespace, boolean write) {
        long first = c.firstBlock();
        long blocks = namespace.blocks();
        int n = c.blocks();
        if (first < 0 || n > blocks || first > blocks - n) {
            return Status.LBA_OUT_OF_RANGE;
        }
        return write && namespace.isReadOnly() ? Status.NAMESPACE_WRITE_PROTECTED : 0;
    }

    private void transfer(Command c, Namespace namespace) {
        int status = checkRange(c, namespace, c.opcode == Opcode.WRITE);
        long length = (long) c.blocks() << namespace.shift();
        if (status == 0 && length > Processor.MOST_DATA) {
            status = Status.INVALID_FIELD;
        }
        if (status != 0) {
            refuse(c, status);
            return;
        }
        c.toDriver = c.opcode == Opcode.READ;
        map(c, length);
    }

    private void map(Command c, long length) {
        int status = pointers.map(c, length);
        if (status != DataPointer.PENDING) {
            mapped(c, status);
        }
    }

    /** Hot. The data pointer has been followed. */
    private void mapped(Command c, int status) {
        int found = status;
        if (found == 0) {
            int error = c.data.resolve(c.toDriver ? DmaAccess.WRITE : DmaAccess.READ);
            found = error == 0 ? 0 : Status.DATA_TRANSFER_ERROR;
        }
        if (found != 0) {
            refuse(c, found);
        } else {
            begin(c);
        }
    }

    private void begin(Command c) {
        if (c.first != null || c.namespace().begin(c, c.isExclusive())) {
            go(c);
        }
    }

    /** Hot. Does a command whose turn it is. */
    void go(Command c) {
        switch (c.opcode) {
            case Opcode.READ -> {
                if (c.data.isShared()) {
                    read(c, transferred);
                } else {
                    buffers.lend(c, readPrivately);
                }
            }
            case Opcode.WRITE -> {
                if (c.data.isShared()) {
                    write(c);
                } else {
                    buffers.lend(c, fetchPrivately);
                }
            }
            case Opcode.COMPARE -> compare.go(c);
            case Opcode.WRITE_ZEROES ->
                    c.submit(
                            StorageOperation.ZERO,
                            offset(c),
                            (long) c.blocks() << c.namespace().shift(),
                            c.forceUnit() || writeThrough,
                            (c.cdw12 & DEALLOCATE) != 0,
                            transferred);
            case Opcode.VERIFY -> {
                c.step = 0;
                buffers.lend(c, verifyPart);
            }
            default -> datasets.go(c);
        }
    }

    private static long offset(Command c) {
        return c.firstBlock() << c.namespace().shift();
    }

    void read(Command c, Continuation then) {
        c.submit(StorageOperation.READ, offset(c), c.dataLength, false, false, then);
    }

    private void write(Command c) {
        c.submit(
                StorageOperation.WRITE,
                offset(c),
                c.dataLength,
                c.forceUnit() || writeThrough,
                false,
                transferred);
    }

    /** Hot. The storage is done, and so is the command. */
    private void transferred(Command c, int errno) {
        if (errno == 0) {
            var namespace = c.namespace();
            if (c.opcode == Opcode.READ) {
                namespace.countRead(c.dataLength);
            } else if (c.opcode == Opcode.WRITE) {
                namespace.countWrite(c.dataLength);
            }
        }
        end(c, Status.ofErrno(errno, c.isWrite()));
    }

    // ---- memory that the driver does not share ----

    private void readPrivately(Command c, int errno) {
        read(c, readForDriver);
    }

    private void readForDriver(Command c, int errno) {
        if (errno != 0) {
            transferred(c, errno);
            return;
        }
        c.data.copyFrom(c.privateData(), c.transfer(copied));
    }

    private void copied(Command c, int errno) {
        if (errno == 0) {
            transferred(c, 0);
        } else {
            end(c, Status.DATA_TRANSFER_ERROR);
        }
    }

    private void fetchPrivately(Command c, int errno) {
        c.data.copyTo(c.privateData(), c.transfer(writePrivately));
    }

    private void writePrivately(Command c, int errno) {
        if (errno == 0) {
            write(c);
        } else {
            end(c, Status.DATA_TRANSFER_ERROR);
        }
    }

    // ---- no data ----

    /** Reads all blocks in parts, and looks at none of them (6.15). */
    private void verifyPart(Command c, int errno) {
        if (errno != 0 || c.step == lengthOf(c)) {
            end(c, Status.ofErrno(errno, false));
        } else {
            processor.step(c, verifyNext);
        }
    }

    private void verifyNext(Command c, int errno) {
        long n = Math.min(lengthOf(c) - c.step, Processor.MOST_DATA);
        long at = offset(c) + c.step;
        c.step += n;
        processor.spend(n);
        c.submit(StorageOperation.READ, at, n, false, false, verifyPart);
    }

    private static long lengthOf(Command c) {
        return (long) c.blocks() << c.namespace().shift();
    }

    // ---- the end ----

    /** Ends a command that has not begun in its namespace. */
    private void refuse(Command c, int status) {
        var second = c.second;
        if (c.first != null) {
            endPair(c.first, c, status);
        } else {
            processor.finish(c, status);
            if (second != null) {
                processor.finish(second, Status.FAILED_FUSED);
            }
        }
    }

    /** Hot. Ends a command that has begun in its namespace. */
    void end(Command c, int status) {
        if (c.isExclusive() && status == 0) {
            BufferPool.giveBack(c);
            goOnWithSecond(c);
            return;
        }
        if (c.first != null) {
            endPair(c.first, c, status);
            return;
        }
        var namespace = c.namespace();
        var second = c.second;
        namespace.end(c);
        BufferPool.giveBack(c);
        processor.finish(c, status);
        if (second != null) {
            processor.finish(second, Status.FAILED_FUSED);
        }
        if (namespace.hasWaiting()) {
            goOn(namespace);
        }
    }

    /** The comparison was right: the write follows, with the namespace still for it alone. */
    private void goOnWithSecond(Command compared) {
        processor.publisher().noteOutcomes(); // some of them it may have seen
        processor.inFlight().compared(compared.slot); // it would not be right any more afterwards
        processor.inFlight().step();
        var write = Objects.requireNonNull(compared.second);
        write.first = compared;
        write.namespace = compared.namespace;
        transfer(write, compared.namespace());
    }

    private void endPair(Command compared, Command written, int status) {
        var namespace = compared.namespace();
        namespace.end(compared);
        BufferPool.giveBack(written);
        // before the first, of which a successor knows that it has succeeded
        processor.inFlight().done(written.slot, InFlight.outcome(written.result, status));
        processor.inFlight().step();
        processor.finish(compared, Status.SUCCESS);
        processor.finish(written, status);
        processor.publisher().noteOutcomes(); // others may follow at once, and see it
        goOn(namespace);
    }

    /** One after the other: a command may end before {@link #go} returns. */
    private void goOn(Namespace namespace) {
        if (namespace.goingOn) {
            return;
        }
        namespace.goingOn = true;
        try {
            for (var next = namespace.nextToBegin(); next != null; next = namespace.nextToBegin()) {
                go(next);
            }
        } finally {
            namespace.goingOn = false;
        }
    }
}
