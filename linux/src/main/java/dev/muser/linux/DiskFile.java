package dev.muser.linux;

import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** Regular files and block devices as the contents of a disk. */
public final class DiskFile {
    /** Open flags of {@code open(2)}; all descriptors are close-on-exec. */
    public static final int READ_ONLY = 0;

    public static final int READ_WRITE = 2;

    /** The file must not be there yet; it is created for its owner alone. */
    public static final int CREATE_NEW = 0x40 | 0x80; // O_CREAT | O_EXCL

    /** A block device must not be mounted or opened so by others: EBUSY. */
    public static final int EXCLUSIVE = 0x80; // O_EXCL

    /** Data bypass the page cache; see {@link DirectAlignment}. */
    public static final int DIRECT = 0x4000; // O_DIRECT

    /** Flag of a write: it is done when its data are on stable storage. */
    public static final int WRITE_DURABLY = 2; // RWF_DSYNC

    /** Mode of {@link #allocate}: the room is given back, the range reads as zeros. */
    public static final int PUNCH_HOLE = 3; // FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE

    /** Mode of {@link #allocate}: the range reads as zeros and keeps its room. */
    public static final int ZERO_RANGE = 0x11; // FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE

    private static final int RWF_NOWAIT = 8;
    private static final int AT_FDCWD = -100;
    private static final int O_NONBLOCK = 0x800;
    private static final int O_CLOEXEC = 0x80000;
    private static final int F_OFD_GETLK = 36;
    private static final int F_OFD_SETLK = 37;
    private static final short F_RDLCK = 0;
    private static final short F_WRLCK = 1;
    private static final short F_UNLCK = 2;
    private static final int LOCK_SH = 1;
    private static final int LOCK_EX = 2;
    private static final int LOCK_NB = 4;
    private static final int LOCK_UN = 8;

    private DiskFile() {}

    /**
     * Opens a file; never waits for the other end of a pipe.
     *
     * @param flags bits of this class
     */
    public static Fd open(Path path, int flags) {
        Fd fd;
        try (var arena = Arena.ofConfined()) {
            var name = arena.allocateFrom(path.toString(), StandardCharsets.UTF_8);
            fd =
                    Fd.own(
                            Syscall.check(
                                    "open " + path,
                                    Syscall.call(
                                            Syscall.OPENAT,
                                            AT_FDCWD,
                                            name.address(),
                                            flags | O_CLOEXEC | O_NONBLOCK,
                                            0600,
                                            0,
                                            0)));
        }
        try {
            fd.nonBlocking(false);
        } catch (SyscallException e) {
            fd.close();
            throw e;
        }
        return fd;
    }

    /**
     * Locks the open file against others who lock it, in this process too ({@code flock(2)}). The
     * lock goes with the last duplicate of the descriptor, or by {@link #unlock}.
     *
     * @param exclusive whether nobody else may have any lock; else nobody an exclusive one
     * @return false when it is locked
     */
    public static boolean tryLock(Fd fd, boolean exclusive) {
        long result =
                Syscall.call(Syscall.FLOCK, fd.number(), (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB);
        if (result == -Errno.EAGAIN) {
            return false;
        }
        Syscall.check("flock", result);
        return true;
    }

    /**
     * Returns a path by which a file that is open can be opened anew: another open file description
     * of the same file, wherever its own path leads by now.
     *
     * @param fd of this process; open until then
     */
    public static Path pathOf(Fd fd) {
        return Path.of("/proc/self/fd/" + fd.number());
    }

    /**
     * Marks a byte as in use by this open file description, until its last use: by descriptors, by
     * system calls, by requests to io_uring ({@code fcntl(2)}, F_OFD_SETLK; not related to {@link
     * #tryLock}).
     *
     * @param position of the byte, anywhere, also behind the end
     * @throws SyscallException when the file system cannot
     */
    public static void mark(Fd fd, long position) {
        try (var arena = Arena.ofConfined()) {
            var lock = lock(arena, F_RDLCK, position);
            Syscall.check(
                    "fcntl F_OFD_SETLK",
                    Syscall.call(Syscall.FCNTL, fd.number(), F_OFD_SETLK, lock.address()));
        }
    }

    /** Whether another open file description has marked the byte. */
    public static boolean isMarked(Fd fd, long position) {
        try (var arena = Arena.ofConfined()) {
            var lock = lock(arena, F_WRLCK, position);
            Syscall.check(
                    "fcntl F_OFD_GETLK",
                    Syscall.call(Syscall.FCNTL, fd.number(), F_OFD_GETLK, lock.address()));
            return lock.get(JAVA_SHORT, 0) != F_UNLCK;
        }
    }

    // struct flock: l_type u16 @0, l_whence u16 @2, l_start @8, l_len @16, l_pid u32 @24
    private static MemorySegment lock(Arena arena, short type, long position) {
        var lock = arena.allocate(32, 8);
        lock.set(JAVA_SHORT, 0, type);
        lock.set(JAVA_LONG, 8, position);
        lock.set(JAVA_LONG, 16, 1);
        return lock;
    }

    public static void unlock(Fd fd) {
        Syscall.call(Syscall.FLOCK, fd.number(), LOCK_UN);
    }

    /** Hot. Makes what was written durable ({@code fdatasync(2)}); returns 0 or {@code -errno}. */
    public static int syncData(Fd fd) {
        return (int) Syscall.call(Syscall.FDATASYNC, fd.number(), 0);
    }

    /**
     * Hot. {@code fallocate(2)}.
     *
     * @param mode {@link #PUNCH_HOLE}, {@link #ZERO_RANGE}, or 0 to allocate room
     * @return 0 or {@code -errno}: EOPNOTSUPP where the file system cannot
     */
    public static int allocate(Fd fd, int mode, long offset, long length) {
        return (int) Syscall.call(Syscall.FALLOCATE, fd.number(), mode, offset, length, 0, 0);
    }

    /**
     * Hot. Reads at {@code position} into several pieces; returns how many bytes, 0 at the end of
     * the file, or {@code -errno}.
     */
    public static long read(Fd fd, long position, IoVector into) {
        return read(fd, position, into, 0);
    }

    /** Hot. As {@link #read}, but only what is in memory: EAGAIN when the disk must be asked. */
    public static long readCached(Fd fd, long position, IoVector into) {
        return read(fd, position, into, RWF_NOWAIT);
    }

    private static long read(Fd fd, long position, IoVector into, int flags) {
        try {
            return Syscall.repeatable(
                    Syscall.PREADV2, fd.number(), into.address(), into.count(), position, 0, flags);
        } finally {
            Reference.reachabilityFence(into);
        }
    }

    /**
     * Hot. Writes at {@code position} from several pieces; returns how many bytes, or {@code
     * -errno}.
     *
     * @param flags 0 or {@link #WRITE_DURABLY}
     */
    public static long write(Fd fd, long position, IoVector from, int flags) {
        try {
            return Syscall.call( // not twice: the first may have told of an earlier write's error
                    Syscall.PWRITEV2,
                    fd.number(),
                    from.address(),
                    from.count(),
                    position,
                    0,
                    flags);
        } finally {
            Reference.reachabilityFence(from);
        }
    }
}
