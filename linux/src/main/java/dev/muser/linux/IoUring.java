package dev.muser.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * Asynchronous operations on one file, many with one system call: {@code io_uring(7)}.
 *
 * <p>Operations are prepared, each with a token of the caller's, and begin with {@link #submit};
 * {@link #reap} goes through those that are done without a system call. At most {@link #entries}
 * are under way, so that no completion is ever lost.
 *
 * <p>Owned by one thread, which alone calls its methods, from {@link #open} on. The indexes of the
 * rings are stored with release and loaded with acquire; the partner is the kernel. Memory of
 * operations is raw addresses and must stay until they are done.
 */
public final class IoUring implements AutoCloseable {
    private static final int OP_READV = 1;
    private static final int OP_WRITEV = 2;
    private static final int OP_FSYNC = 3;
    private static final int OP_ASYNC_CANCEL = 14;
    private static final int OP_FALLOCATE = 17;
    private static final int OP_READ = 22;
    private static final int OP_WRITE = 23;
    private static final int OP_URING_CMD = 46;

    private static final int FIXED_FILE = 1 << 8; // IOSQE_FIXED_FILE, above the opcode
    private static final int FSYNC_DATASYNC = 1;
    private static final int CANCEL_ALL_OF_ANY = 5;
    private static final int BLOCK_URING_CMD_DISCARD = 0x1200;

    private static final int ENTER_GETEVENTS = 1;
    private static final int ENTER_EXT_ARG = 8;
    private static final int REGISTER_FILES = 2;
    private static final int UNREGISTER_FILES = 3;
    private static final int REGISTER_EVENTFD = 4;
    private static final int REGISTER_WORKERS_CPUS = 17; // IORING_REGISTER_IOWQ_AFF

    private static final int SQ_CQ_OVERFLOW = 2;
    private static final int SQ_TASKRUN = 4;
    private static final int CQ_EVENTFD_DISABLED = 1;

    private static final VarHandle INDEX = JAVA_INT.varHandle();

    private final IoUringRings rings;
    private final MemorySegment sqes;
    private final MemorySegment completions;

    /** Opcode flags and descriptor of every operation: the file's place in the ring is 0. */
    private final long file;

    private int tail;
    private int head;
    private int prepared;
    private int underWay;
    private long token;
    private int result;

    // struct io_uring_getevents_arg: sigmask u64 @0, sigmask_sz u32 @8, min_wait_usec u32 @12,
    // ts u64 @16: struct __kernel_timespec: s64 s @24, s64 ns @32
    private final MemorySegment patience = Arena.ofAuto().allocate(40, 8);

    private IoUring(IoUringRings rings, Fd file) {
        this.rings = rings;
        patience.set(JAVA_LONG, 16, patience.address() + 24);
        sqes = rings.sqes;
        completions = rings.completions;
        try (var arena = Arena.ofConfined()) {
            var numbers = arena.allocate(4, 4);
            numbers.set(JAVA_INT, 0, file.number());
            this.file =
                    register(REGISTER_FILES, numbers.address(), 1) == 0
                            ? FIXED_FILE
                            : (long) file.number() << 32;
            // What waits goes to the kernel's workers. They are best where this thread is pinned,
            // if
            // it is: one that yields runs them at once, and elsewhere others may poll.
            var cpus = Affinity.get();
            register(
                    REGISTER_WORKERS_CPUS,
                    Affinity.mask(cpus, arena).address(),
                    (cpus.length() + 7) / 8);
        }
    }

    /** Returns null where io_uring can be used, else why not, for people. */
    public static @Nullable String unavailable() {
        try {
            IoUringRings.create(2).close();
            return null;
        } catch (SyscallException e) {
            return explain(e);
        }
    }

    static String explain(SyscallException e) {
        return switch (e.errno()) {
            case Errno.ENOSYS -> "this kernel, or a sandbox, has no io_uring";
            case Errno.EPERM, Errno.EACCES ->
                    "io_uring is forbidden here, by the sysctl kernel.io_uring_disabled or by the"
                            + " container's seccomp profile";
            case Errno.ENOMEM -> "io_uring has no memory: raise the limit of locked memory";
            default -> "no io_uring: " + e.getMessage();
        };
    }

    /**
     * Creates one for operations on {@code file}, which is kept open until {@link #close} even if
     * the caller closes its descriptor.
     *
     * @param entries operations that can be under way, a power of two
     */
    public static IoUring open(Fd file, int entries) {
        return new IoUring(IoUringRings.create(entries), file);
    }

    private long register(int opcode, long argument, int count) {
        return Syscall.call(
                Syscall.IO_URING_REGISTER, rings.fd.number(), opcode, argument, count, 0, 0);
    }

    public int entries() {
        return rings.entries;
    }

    /** Hot. Returns how many more operations can be prepared now. */
    public int free() {
        return rings.entries - underWay;
    }

    /** Hot. Returns how many operations are prepared or begun, and not reaped. */
    public int underWay() {
        return underWay;
    }

    /** Hot. Returns how many operations were prepared and not begun. */
    public int prepared() {
        return prepared;
    }

    /** Signals {@code eventFd} at completions, until {@link #notify(boolean)} says otherwise. */
    public void notify(Fd eventFd) {
        try (var arena = Arena.ofConfined()) {
            var number = arena.allocate(4, 4);
            number.set(JAVA_INT, 0, eventFd.number());
            Syscall.check(
                    "io_uring_register eventfd", register(REGISTER_EVENTFD, number.address(), 1));
        }
    }

    /**
     * Hot. Whether completions signal the eventfd. After {@code true}, look once more for
     * completions before waiting: earlier ones are not signalled.
     */
    public void notify(boolean on) {
        INDEX.setRelease(completions, (long) rings.cqFlags, on ? 0 : CQ_EVENTFD_DISABLED);
        if (on) {
            VarHandle.fullFence(); // the look at the ring comes after; partner: the kernel
        }
    }

    /** Hot. Prepares a read into one piece of memory. */
    public void read(long position, long address, int length, long newToken) {
        prepare(OP_READ, position, address, length, newToken);
    }

    /** Hot. Prepares a read into several pieces. */
    public void read(long position, IoVector into, long newToken) {
        prepare(OP_READV, position, into.address(), into.count(), newToken);
    }

    /**
     * Hot. Prepares a write from one piece.
     *
     * @param flags 0 or {@link DiskFile#WRITE_DURABLY}
     */
    public void write(long position, long address, int length, int flags, long newToken) {
        prepare(OP_WRITE, position, address, length | (long) flags << 32, newToken);
    }

    /** Hot. Prepares a write from several pieces. */
    public void write(long position, IoVector from, int flags, long newToken) {
        prepare(OP_WRITEV, position, from.address(), from.count() | (long) flags << 32, newToken);
    }

    /** Hot. Prepares {@link DiskFile#syncData}. */
    public void syncData(long newToken) {
        prepare(OP_FSYNC, 0, 0, (long) FSYNC_DATASYNC << 32, newToken);
    }

    /** Hot. Prepares {@link DiskFile#allocate}. */
    public void allocate(int mode, long offset, long length, long newToken) {
        prepare(OP_FALLOCATE, offset, length, mode, newToken);
    }

    /**
     * Hot. Prepares {@link BlockDevice#discard}; EINVAL or EOPNOTSUPP from a kernel before Linux
     * 6.12.
     */
    public void discard(long offset, long length, long newToken) {
        long at = prepare(OP_URING_CMD, BLOCK_URING_CMD_DISCARD, offset, 0, newToken);
        sqes.set(JAVA_LONG, at + 48, length);
    }

    /** Prepares to cancel all that was begun and can be; needs an entry, as all others do. */
    public void cancelAll(long newToken) {
        prepare(OP_ASYNC_CANCEL, 0, 0, (long) CANCEL_ALL_OF_ANY << 32, newToken);
    }

    // struct io_uring_sqe: opcode u8 @0, flags u8 @1, ioprio u16 @2, fd s32 @4, off u64 @8,
    // addr u64 @16, len u32 @24, operation's flags u32 @28, user_data u64 @32, buf_index u16 @40,
    // personality u16 @42, file_index u32 @44, addr3 u64 @48, pad u64 @56
    private long prepare(
            int opcode, long offset, long address, long lengthAndFlags, long newToken) {
        if (underWay == rings.entries) {
            throw new IllegalStateException("ring is full");
        }
        long at = (long) (tail & (rings.entries - 1)) * IoUringRings.SQE;
        sqes.set(JAVA_LONG, at, opcode | file);
        sqes.set(JAVA_LONG, at + 8, offset);
        sqes.set(JAVA_LONG, at + 16, address);
        sqes.set(JAVA_LONG, at + 24, lengthAndFlags);
        sqes.set(JAVA_LONG, at + 32, newToken);
        sqes.set(JAVA_LONG, at + 40, 0);
        sqes.set(JAVA_LONG, at + 48, 0);
        sqes.set(JAVA_LONG, at + 56, 0);
        tail++;
        prepared++;
        underWay++;
        return at;
    }

    /**
     * Hot. Begins what was prepared, and takes over what the kernel has completed meanwhile.
     *
     * @return 0, or {@code -errno}: after EAGAIN, EBUSY and EINTR some may still be prepared
     */
    public int submit() {
        return enter(0, prepared);
    }

    /** Hot. As {@link #submit}, but begins at most {@code most}. */
    public int submit(int most) {
        return enter(0, Math.min(most, prepared));
    }

    /** As {@link #submit}, and waits for a completion unless there is one. */
    public int await() {
        return enter(1, prepared);
    }

    private int enter(int completionsToAwait, int most) {
        INDEX.setRelease(rings.submissions, (long) rings.sqTail, tail);
        return begun(
                Syscall.repeatable(
                        Syscall.IO_URING_ENTER,
                        rings.fd.number(),
                        most,
                        completionsToAwait,
                        completionsToAwait > 0 || rings.deferred ? ENTER_GETEVENTS : 0,
                        0,
                        0));
    }

    private int begun(long taken) {
        if (taken < 0) {
            return (int) taken;
        }
        prepared -= (int) taken;
        return 0;
    }

    /**
     * Hot. Sleeps until there is a completion, but not for long, so that the kernel's workers have
     * this CPU.
     *
     * @param nanoseconds less than a second
     * @return whether this kernel can (Linux 6.1); if not, this has done nothing
     */
    public boolean doze(long nanoseconds) {
        if (!rings.deferred) { // an older kernel, with other flags
            return false;
        }
        patience.set(JAVA_LONG, 32, nanoseconds);
        INDEX.setRelease(rings.submissions, (long) rings.sqTail, tail);
        int ignored =
                begun( // not repeatable: when the time is over it fails
                        Syscall.call(
                                Syscall.IO_URING_ENTER,
                                rings.fd.number(),
                                prepared,
                                1,
                                ENTER_GETEVENTS | ENTER_EXT_ARG,
                                patience.address(),
                                24));
        return true;
    }

    /** Hot. Whether the kernel has completions that it only hands over in {@link #submit}. */
    public boolean wantsToBeEntered() {
        int flags = (int) INDEX.getAcquire(rings.submissions, (long) rings.sqFlags);
        return (flags & (SQ_TASKRUN | SQ_CQ_OVERFLOW)) != 0;
    }

    /** Hot. Goes to the next operation that is done; false when there is none. */
    public boolean reap() {
        if (head == (int) INDEX.getAcquire(completions, (long) rings.cqTail)) {
            return false;
        }
        // struct io_uring_cqe: user_data u64 @0, res s32 @8, flags u32 @12
        long at = rings.cqes + (long) (head & rings.cqMask) * IoUringRings.CQE;
        token = completions.get(JAVA_LONG, at);
        result = completions.get(JAVA_INT, at + 8);
        head++;
        underWay--;
        INDEX.setRelease(completions, (long) rings.cqHead, head);
        return true;
    }

    /** Hot. Returns the token of the operation that {@link #reap} has gone to. */
    public long token() {
        return token;
    }

    /** Hot. Returns its result: a count of bytes, 0, or {@code -errno}. */
    public int result() {
        return result;
    }

    /** Gives everything back. Operations under way are the caller's to wait for, before. */
    @Override
    public void close() {
        if (rings.fd.isOpen()) {
            // the kernel tears a ring down later, and would keep the file locked until then
            register(UNREGISTER_FILES, 0, 0);
            rings.close();
        }
    }
}
