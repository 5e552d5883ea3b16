package dev.muser.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Signals an eventfd by an operation of {@code io_submit(2)} that does nothing and names the
 * eventfd as the one to tell: where {@link UringSignal} cannot.
 *
 * <p>What it costs is that a process with a context of {@code io_setup(2)} takes a grace period of
 * the kernel longer to die, some 30 ms.
 */
final class AioSignal {
    private static final int IO_SETUP = 206;
    private static final int IO_GETEVENTS = 208;
    private static final int IO_SUBMIT = 209;

    /** Completions that may wait to be collected, of all threads together. */
    private static final int EVENTS = 4096;

    private static final int COLLECT_AFTER = 64;
    private static final int EVENT_SIZE = 32;
    private static final int IOCB_CMD_PREAD = 0;
    private static final int IOCB_FLAG_RESFD = 1;

    /** {@code aio_context_t}; 0 where the kernel or a sandbox has no {@code io_setup}. */
    private static final long CONTEXT = setUp();

    /** A file that each operation reads 0 bytes of. */
    private static final Fd FILE = MemoryFile.create("muser-signal", 0);

    private static final ThreadLocal<AioSignal> OWN = ThreadLocal.withInitial(AioSignal::new);

    // struct iocb: data u64 @0, key u32 @8, rw_flags u32 @12, opcode u16 @16, reqprio s16 @18,
    // fildes u32 @20, buf u64 @24, nbytes u64 @32, offset s64 @40, reserved u64 @48, flags u32 @56,
    // resfd u32 @60; 64 bytes
    private final MemorySegment iocb;
    private final MemorySegment list;
    private final MemorySegment events;
    private int submitted;

    private AioSignal() {
        var arena = Arena.ofAuto();
        iocb = arena.allocate(64, 8);
        iocb.set(JAVA_SHORT, 16, (short) IOCB_CMD_PREAD);
        iocb.set(JAVA_INT, 20, FILE.number());
        iocb.set(JAVA_LONG, 24, iocb.address());
        iocb.set(JAVA_INT, 56, IOCB_FLAG_RESFD);
        list = arena.allocate(8, 8);
        list.set(JAVA_LONG, 0, iocb.address());
        // timespec of 0 at the end: do not wait
        events = arena.allocate((long) EVENT_SIZE * COLLECT_AFTER + 16, 8);
    }

    private static long setUp() {
        try (var arena = Arena.ofConfined()) {
            var context = arena.allocate(8, 8);
            long result = Syscall.call(IO_SETUP, EVENTS, context.address());
            return result < 0 ? 0 : context.get(JAVA_LONG, 0);
        }
    }

    /** Whether signalling this way is possible here. */
    static boolean available() {
        return CONTEXT != 0;
    }

    /** Hot. Adds 1 to the count; returns 0 or {@code -errno}. */
    static int signal(int eventFd) {
        var own = OWN.get();
        own.iocb.set(JAVA_INT, 60, eventFd);
        if (++own.submitted == COLLECT_AFTER) {
            own.collect();
        }
        long result = own.submit();
        if (result == -Errno.EAGAIN) {
            own.collect();
            result = own.submit();
        }
        return result < 0 ? (int) result : 0;
    }

    private long submit() {
        return Syscall.call(IO_SUBMIT, CONTEXT, 1, list.address());
    }

    /** Frees the places of what is done; nobody wants the results. */
    private void collect() {
        submitted = 0;
        Syscall.call(
                IO_GETEVENTS,
                CONTEXT,
                0,
                COLLECT_AFTER,
                events.address(),
                events.address() + (long) EVENT_SIZE * COLLECT_AFTER,
                0);
    }
}
