package dev.muser.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * The one way into the kernel: {@code syscall(2)} with six longs.
 *
 * <p>One downcall shape for all calls, because each further shape costs 3 ms of start-up and is no
 * faster. Pointers are passed as raw addresses: the caller keeps what they point to alive.
 */
final class Syscall {
    static final int READ = 0;
    static final int WRITE = 1;
    static final int CLOSE = 3;
    static final int FSTAT = 5;
    static final int MMAP = 9;
    static final int MUNMAP = 11;
    static final int IOCTL = 16;
    static final int LSEEK = 8;
    static final int PREAD64 = 17;
    static final int PWRITE64 = 18;
    static final int MADVISE = 28;
    static final int GETPID = 39;
    static final int SOCKET = 41;
    static final int CONNECT = 42;
    static final int SENDMSG = 46;
    static final int RECVMSG = 47;
    static final int SHUTDOWN = 48;
    static final int BIND = 49;
    static final int LISTEN = 50;
    static final int GETPEERNAME = 52;
    static final int SOCKETPAIR = 53;
    static final int SETSOCKOPT = 54;
    static final int GETSOCKOPT = 55;
    static final int FCNTL = 72;
    static final int FLOCK = 73;
    static final int FDATASYNC = 75;
    static final int FTRUNCATE = 77;
    static final int RENAME = 82;
    static final int UNLINK = 87;
    static final int CHMOD = 90;
    static final int GETUID = 102;
    static final int PRCTL = 157;
    static final int GETTID = 186;
    static final int SCHED_SETAFFINITY = 203;
    static final int SCHED_GETAFFINITY = 204;
    static final int CLOCK_GETTIME = 228;
    static final int EPOLL_WAIT = 232;
    static final int EPOLL_CTL = 233;
    static final int WAITID = 247;
    static final int SECCOMP = 317;
    static final int OPENAT = 257;
    static final int PPOLL = 271;
    static final int SPLICE = 275;
    static final int TIMERFD_CREATE = 283;
    static final int FALLOCATE = 285;
    static final int TIMERFD_SETTIME = 286;
    static final int ACCEPT4 = 288;
    static final int EVENTFD2 = 290;
    static final int EPOLL_CREATE1 = 291;
    static final int PIPE2 = 293;
    static final int SENDMMSG = 307;
    static final int PRLIMIT64 = 302;
    static final int MEMFD_CREATE = 319;
    static final int PREADV2 = 327;
    static final int PWRITEV2 = 328;
    static final int STATX = 332;
    static final int PIDFD_SEND_SIGNAL = 424;
    static final int IO_URING_SETUP = 425;
    static final int IO_URING_ENTER = 426;
    static final int IO_URING_REGISTER = 427;
    static final int PIDFD_OPEN = 434;
    static final int CLOSE_RANGE = 436;
    static final int PIDFD_GETFD = 438;
    static final int LANDLOCK_CREATE_RULESET = 444;
    static final int LANDLOCK_ADD_RULE = 445;
    static final int LANDLOCK_RESTRICT_SELF = 446;

    private static final Linker LINKER = Linker.nativeLinker();

    private static final FunctionDescriptor SIX_LONGS =
            FunctionDescriptor.of(
                    JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG,
                    JAVA_LONG);

    private static final MethodHandle HANDLE =
            LINKER.downcallHandle(
                    LINKER.defaultLookup().findOrThrow("syscall"),
                    SIX_LONGS,
                    Linker.Option.captureCallState("errno"),
                    Linker.Option.firstVariadicArg(1));

    /** Where each thread's errno is captured. */
    private static final ThreadLocal<MemorySegment> CAPTURED =
            ThreadLocal.withInitial(
                    () -> Arena.ofAuto().allocate(Linker.Option.captureStateLayout()));

    static {
        var architecture = System.getProperty("os.arch");
        if (!"amd64".equals(architecture)) {
            throw new UnsupportedOperationException(
                    "Muser runs on Linux x86-64 only; this JVM says " + architecture);
        }
    }

    private Syscall() {}

    /** Hot. Returns the call's result, or {@code -errno}. */
    static long call(int number, long a, long b, long c, long d, long e, long f) {
        var captured = CAPTURED.get();
        long result;
        try {
            result = (long) HANDLE.invokeExact(captured, (long) number, a, b, c, d, e, f);
        } catch (Throwable t) {
            throw unexpected(t);
        }
        return result == -1 ? -captured.get(JAVA_INT, 0) : result;
    }

    /**
     * Hot. As {@link #call}, for a call that can well be made twice when it fails, with nothing
     * that is told once only: at first without errno. The JVM copies an object to capture errno,
     * and only its best compiled code does not allocate that; C2 gives up 15 calls deep, as a
     * disk's are.
     */
    static long repeatable(int number, long a, long b, long c, long d, long e, long f) {
        long result;
        try {
            result = (long) Bare.HANDLE.invokeExact((long) number, a, b, c, d, e, f);
        } catch (Throwable t) {
            throw unexpected(t);
        }
        return result == -1 ? call(number, a, b, c, d, e, f) : result;
    }

    static long call(int number, long a, long b, long c) {
        return call(number, a, b, c, 0, 0, 0);
    }

    static long call(int number, long a, long b) {
        return call(number, a, b, 0, 0, 0, 0);
    }

    static long call(int number, long a) {
        return call(number, a, 0, 0, 0, 0, 0);
    }

    /** Returns {@code result}, or throws what it says of the call named {@code name}. */
    static long check(String name, long result) {
        if (result < 0) {
            throw new SyscallException(name, (int) -result);
        }
        return result;
    }

    /** Linked when first used: that takes some milliseconds, and not every server has disks. */
    private static final class Bare {
        static final MethodHandle HANDLE =
                LINKER.downcallHandle(
                        LINKER.defaultLookup().findOrThrow("syscall"),
                        SIX_LONGS,
                        Linker.Option.firstVariadicArg(1));
    }

    private static AssertionError unexpected(Throwable thrown) {
        if (thrown instanceof Error error) {
            throw error; // a fault in mapped memory surfaces at whatever call comes next
        }
        return new AssertionError(thrown);
    }
}
