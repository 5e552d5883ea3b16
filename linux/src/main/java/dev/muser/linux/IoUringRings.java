package dev.muser.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** The memory that an {@link IoUring} shares with the kernel, and where in it everything is. */
final class IoUringRings implements AutoCloseable {
    private static final int SETUP_R_DISABLED = 0x40;
    private static final int SETUP_SUBMIT_ALL = 0x80;
    private static final int SETUP_COOP_TASKRUN = 0x100;
    private static final int SETUP_TASKRUN_FLAG = 0x200;
    private static final int SETUP_SINGLE_ISSUER = 0x1000;
    private static final int SETUP_DEFER_TASKRUN = 0x2000;

    /**
     * How the kernel hands over what it completes, the best first: when it is asked to (Linux 6.1);
     * when the thread enters the kernel anyway (5.19); by interrupting the thread.
     */
    private static final int[] SETUPS = {
        SETUP_SUBMIT_ALL | SETUP_SINGLE_ISSUER | SETUP_DEFER_TASKRUN | SETUP_TASKRUN_FLAG,
        SETUP_SUBMIT_ALL | SETUP_COOP_TASKRUN | SETUP_TASKRUN_FLAG,
        0
    };

    /** For any thread, one after the other (Linux 5.19). */
    private static final int[] SHARED = {SETUP_SUBMIT_ALL | SETUP_COOP_TASKRUN | SETUP_R_DISABLED};

    private static final long OFFSET_SUBMISSIONS = 0;
    private static final long OFFSET_COMPLETIONS = 0x800_0000L;
    private static final long OFFSET_ENTRIES = 0x1000_0000L;

    static final int SQE = 64;
    static final int CQE = 16;

    // struct io_uring_params: sq_entries u32 @0, cq_entries @4, flags @8, sq_thread_cpu @12,
    // sq_thread_idle @16, features @20, wq_fd @24, resv u32[3] @28,
    // sq_off @40: head u32 @0, tail @4, ring_mask @8, ring_entries @12, flags @16, dropped @20,
    //   array @24, resv1 @28, user_addr u64 @32,
    // cq_off @80: head u32 @0, tail @4, ring_mask @8, ring_entries @12, overflow @16, cqes @20,
    //   flags @24, resv1 @28, user_addr u64 @32; 120 bytes
    private static final int PARAMS_SIZE = 120;
    private static final int SQ = 40;
    private static final int CQ = 80;

    final Fd fd;

    /** Whether completions wait until the kernel is asked for them. */
    final boolean deferred;

    final int entries;

    /** Head, tail and flags of the submissions, each an offset in {@link #submissions}. */
    final MemorySegment submissions;

    final int sqTail;
    final int sqFlags;

    /** Where the entries of submissions are. */
    final MemorySegment sqes;

    final MemorySegment completions;
    final int cqHead;
    final int cqTail;
    final int cqFlags;
    final int cqMask;
    final int cqes;

    private final List<Mapping> mappings = new ArrayList<>();

    private IoUringRings(Fd fd, MemorySegment params) {
        this.fd = fd;
        entries = params.get(JAVA_INT, 0);
        deferred = (params.get(JAVA_INT, 8) & SETUP_DEFER_TASKRUN) != 0;
        sqTail = params.get(JAVA_INT, SQ + 4);
        sqFlags = params.get(JAVA_INT, SQ + 16);
        cqHead = params.get(JAVA_INT, CQ);
        cqTail = params.get(JAVA_INT, CQ + 4);
        cqMask = params.get(JAVA_INT, 4) - 1; // a power of two
        cqes = params.get(JAVA_INT, CQ + 20);
        cqFlags = params.get(JAVA_INT, CQ + 24);
        if (cqFlags == 0) { // Linux 5.8
            throw new SyscallException("io_uring_setup (of a kernel this old)", Errno.ENOSYS);
        }
        int array = params.get(JAVA_INT, SQ + 24);
        try {
            submissions = map(OFFSET_SUBMISSIONS, array + 4L * entries);
            completions = map(OFFSET_COMPLETIONS, cqes + (long) CQE * (cqMask + 1));
            sqes = map(OFFSET_ENTRIES, (long) SQE * entries);
        } catch (SyscallException e) {
            mappings.forEach(Mapping::close);
            throw e;
        }
        for (int i = 0; i < entries; i++) {
            submissions.set(JAVA_INT, array + 4L * i, i);
        }
    }

    private MemorySegment map(long offset, long length) {
        var mapping = Mapping.shared(fd, offset, length, Mapping.Access.READ_WRITE);
        mappings.add(mapping);
        return mapping.segment();
    }

    /** Creates one that only the thread uses which creates it. */
    static IoUringRings create(int entries) {
        return create(entries, SETUPS);
    }

    /**
     * Creates one that several threads use, though not at once, and that does nothing before it is
     * enabled.
     *
     * @throws SyscallException EINVAL before Linux 5.19
     */
    static IoUringRings createDisabled(int entries) {
        return create(entries, SHARED);
    }

    private static IoUringRings create(int entries, int[] setups) {
        try (var arena = Arena.ofConfined()) {
            var params = arena.allocate(PARAMS_SIZE, 8);
            var fd = Fd.own(setUp(entries, params, setups));
            try {
                return new IoUringRings(fd, params);
            } catch (SyscallException e) {
                fd.close();
                throw e;
            }
        }
    }

    private static long setUp(int entries, MemorySegment params, int[] setups) {
        long result = -Errno.EINVAL;
        for (int flags : setups) {
            params.fill((byte) 0);
            params.set(JAVA_INT, 8, flags);
            result = Syscall.call(Syscall.IO_URING_SETUP, entries, params.address());
            if (result != -Errno.EINVAL) {
                break;
            }
        }
        return Syscall.check("io_uring_setup", result);
    }

    @Override
    public void close() {
        mappings.forEach(Mapping::close);
        fd.close();
    }
}
