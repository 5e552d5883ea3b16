package dev.muser.linux;

import static dev.muser.linux.Syscall.IOCTL;
import static dev.muser.linux.Syscall.IO_URING_SETUP;
import static dev.muser.linux.Syscall.PRCTL;
import static dev.muser.linux.Syscall.PRLIMIT64;
import static dev.muser.linux.Syscall.SOCKET;
import static dev.muser.linux.Syscall.SOCKETPAIR;

/**
 * The system calls of a JVM that serves devices, by their numbers on x86-64 ({@code
 * arch/x86/entry/syscalls/syscall_64.tbl}).
 *
 * <p>Left out, and so refused: other processes' memory and descriptors (ptrace, process_vm_readv,
 * kcmp), identities and privileges, mounts and namespaces, modules, BPF, perf, keys, clocks,
 * quotas, extended attributes, personalities, System V and POSIX IPC, tracing, userfaultfd, file
 * handles.
 */
final class ServingCalls {
    /** The first number that Linux 6.18 does not have. */
    private static final int FIRST_UNKNOWN = 470;

    // read write open close stat fstat lstat poll lseek mmap mprotect munmap brk rt_sigaction
    // rt_sigprocmask rt_sigreturn | pread64 pwrite64 readv writev access pipe | sched_yield mremap
    // msync mincore madvise | dup dup2 | nanosleep | getpid
    private static final int[] MEMORY_AND_FILES = {
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17, 18, 19, 20, 21, 22, 24, 25, 26,
        27, 28, 32, 33, 35, 39
    };

    // connect accept sendto recvfrom sendmsg recvmsg shutdown bind listen getsockname getpeername |
    // setsockopt getsockopt | accept4 recvmmsg sendmmsg
    private static final int[] SOCKETS = {
        42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 54, 55, 288, 299, 307
    };

    // exit uname | fcntl flock fsync fdatasync | ftruncate getdents getcwd | rename | unlink
    // readlink chmod fchmod | umask gettimeofday getrlimit getrusage sysinfo times | getuid getgid
    // geteuid getegid getppid | sigaltstack | statfs fstatfs | sched_getparam sched_getscheduler |
    // gettid | time futex sched_setaffinity sched_getaffinity | io_getevents io_submit |
    // getdents64 restart_syscall fadvise64 | clock_gettime clock_getres clock_nanosleep exit_group
    // epoll_wait epoll_ctl | waitid
    private static final int[] PROCESS = {
        60, 63, 72, 73, 74, 75, 77, 78, 79, 82, 87, 89, 90, 91, 95, 96, 97, 98, 99, 100, 102, 104,
        107, 108, 110, 131, 137, 138, 143, 145, 186, 201, 202, 203, 204, 208, 209, 217, 219, 221,
        228, 229, 230, 231, 232, 233, 247
    };

    // openat | newfstatat unlinkat renameat | readlinkat fchmodat faccessat pselect6 ppoll |
    // set_robust_list get_robust_list splice | sync_file_range | epoll_pwait | timerfd_create
    // fallocate timerfd_settime timerfd_gettime | eventfd2 epoll_create1 dup3 pipe2 | preadv
    // pwritev | getcpu | renameat2 getrandom memfd_create | membarrier copy_file_range preadv2
    // pwritev2 | statx rseq | io_uring_enter io_uring_register | pidfd_open close_range |
    // faccessat2 | epoll_pwait2 | futex_waitv | futex_wake futex_wait futex_requeue
    private static final int[] NEWER = {
        257, 262, 263, 264, 267, 268, 269, 270, 271, 273, 274, 275, 277, 281, 283, 285, 286, 287,
        290, 291, 292, 293, 295, 296, 309, 316, 318, 319, 324, 326, 327, 328, 332, 334, 426, 427,
        434, 436, 439, 441, 449, 454, 455, 456
    };

    // What a shell script and a JVM need to start. select | fork vfork execve wait4 kill | chdir
    // fchdir mkdir rmdir | getpgrp setsid getgroups getresuid getresgid getpgid getsid | utime |
    // arch_prctl setrlimit | set_tid_address | mkdirat | utimensat | pidfd_send_signal
    private static final int[] PROGRAMS = {
        23, 56, 57, 58, 59, 61, 62, 80, 81, 83, 84, 111, 112, 115, 118, 120, 121, 124, 132, 158,
        160, 218, 234, 258, 280, 424
    };

    private static final int CLONE = 56;
    private static final int CLONE3 = 435;
    private static final int KILL = 62;
    private static final int TGKILL = 234;
    private static final int OPENAT2 = 437;

    private static final int CLONE_THREAD = 0x10000;
    private static final int AF_UNIX = 1;
    private static final int AF_INET = 2;
    private static final int AF_INET6 = 10;

    // TCGETS SIOCOUTQ TIOCGWINSZ FIONREAD FIONBIO FIOCLEX; BLKROGET BLKSSZGET BLKGETSIZE64
    // BLKDISCARD
    private static final int[] IOCTLS = {
        0x5401, 0x5411, 0x5413, 0x541b, 0x5421, 0x5451, 0x125e, 0x1268, 0x8008_1272, 0x1277
    };

    // PR_SET_PDEATHSIG's kin stay out: PR_GET_DUMPABLE PR_SET_NAME PR_GET_NAME PR_SET_TIMERSLACK
    // PR_GET_TIMERSLACK PR_SET_NO_NEW_PRIVS PR_GET_NO_NEW_PRIVS PR_GET_THP_DISABLE PR_SET_VMA
    private static final int[] PRCTLS = {3, 15, 16, 29, 30, 38, 39, 42, 0x5356_4d41};

    private ServingCalls() {}

    /**
     * @param own this process's number
     */
    static BpfProgram filter(Sandbox.Needs needs, int own) {
        var filter = new CallFilter(FIRST_UNKNOWN);
        filter.allow(MEMORY_AND_FILES).allow(SOCKETS).allow(PROCESS).allow(NEWER);
        // A filter on top of this one, and Landlock, can only take away.
        filter.allow(
                Syscall.SECCOMP,
                Syscall.LANDLOCK_CREATE_RULESET,
                Syscall.LANDLOCK_ADD_RULE,
                Syscall.LANDLOCK_RESTRICT_SELF);
        // Its flags are in memory, where no filter can see them; the C library then takes clone.
        filter.hide(CLONE3, OPENAT2);
        filter.allowOf(IOCTL, 1, IOCTLS).allowOf(PRCTL, 0, PRCTLS);
        filter.allowOf(SOCKETPAIR, 0, AF_UNIX).allowOf(PRLIMIT64, 0, 0);
        if (needs.network()) {
            filter.allowOf(SOCKET, 0, AF_UNIX, AF_INET, AF_INET6);
        } else {
            filter.allowOf(SOCKET, 0, AF_UNIX);
        }
        if (needs.uring()) {
            filter.allow(IO_URING_SETUP);
        } else {
            filter.hide(IO_URING_SETUP);
        }
        if (needs.programs()) {
            filter.allow(PROGRAMS);
        } else {
            filter.allowMasked(CLONE, 0, CLONE_THREAD, CLONE_THREAD);
            filter.allowOf(KILL, 0, own).allowOf(TGKILL, 0, own);
        }
        return filter.program();
    }
}
