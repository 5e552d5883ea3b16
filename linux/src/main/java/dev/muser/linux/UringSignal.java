package dev.muser.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * Signals an eventfd as the kernel's own drivers do: by an operation of {@code io_uring(7)} that
 * does nothing, in a ring that has the eventfd as the one to tell.
 *
 * <p>A {@code write(2)} waits when the count is full and the other owner of the eventfd has cleared
 * {@code O_NONBLOCK}, which it may do at any moment: a client could stop a loop that way. This
 * never waits; a full count stays full (see {@code
 * docs/decisions/0005-eventfds-signalled-by-the-kernel.md}).
 *
 * <p>Any thread. A ring tells one eventfd at a time, and to change it costs as much as two signals;
 * so there are a few rings, among which eventfds are distributed by their numbers.
 */
final class UringSignal {
    private static final int RINGS = 4; // a power of two
    private static final int REGISTER_EVENTFD = 4;
    private static final int UNREGISTER_EVENTFD = 5;
    private static final int REGISTER_RESTRICTIONS = 11;
    private static final int REGISTER_ENABLE_RINGS = 12;
    private static final int RESTRICTION_REGISTER_OP = 0;
    private static final int RESTRICTION_SQE_OP = 1;
    private static final int NOP = 0;
    private static final VarHandle INDEX = JAVA_INT.varHandle();

    /** Null where the kernel is older than Linux 5.19, or a sandbox has no io_uring. */
    private static final UringSignal @Nullable [] ALL = create();

    private final IoUringRings rings;
    private final MemorySegment number = Arena.ofAuto().allocate(4, 4);
    private @Nullable Fd told;
    private int tail;

    private UringSignal(IoUringRings rings) {
        this.rings = rings; // all entries are 0, and so IORING_OP_NOP
        try {
            confine();
        } catch (SyscallException e) {
            rings.close();
            throw e;
        }
    }

    /**
     * The ring can do nothing else ever: what it did otherwise, no filter of system calls would
     * see.
     */
    private void confine() {
        int[][] allowed = {
            {RESTRICTION_REGISTER_OP, REGISTER_EVENTFD},
            {RESTRICTION_REGISTER_OP, UNREGISTER_EVENTFD},
            {RESTRICTION_SQE_OP, NOP}
        };
        try (var arena = Arena.ofConfined()) {
            // struct io_uring_restriction: opcode u16 @0, register_op or sqe_op u8 @2; 16 bytes
            var restrictions = arena.allocate(16L * allowed.length, 8);
            for (int i = 0; i < allowed.length; i++) {
                restrictions.set(JAVA_SHORT, 16L * i, (short) allowed[i][0]);
                restrictions.set(JAVA_BYTE, 16L * i + 2, (byte) allowed[i][1]);
            }
            Syscall.check(
                    "io_uring_register restrictions",
                    register(REGISTER_RESTRICTIONS, restrictions.address(), allowed.length));
        }
        Syscall.check("io_uring_register enable", register(REGISTER_ENABLE_RINGS, 0, 0));
    }

    private static UringSignal @Nullable [] create() {
        var all = new UringSignal[RINGS];
        for (int i = 0; i < RINGS; i++) {
            try {
                all[i] = new UringSignal(IoUringRings.createDisabled(2));
            } catch (SyscallException e) {
                for (int created = 0; created < i; created++) {
                    all[created].rings.close();
                }
                return null;
            }
        }
        return all;
    }

    /** Whether signalling this way is possible here. */
    static boolean available() {
        return ALL != null;
    }

    /** Hot. Adds 1 to the count; false when it could not. */
    static boolean signal(Fd eventFd) {
        var all = ALL;
        if (all == null) {
            return false;
        }
        var ring = all[eventFd.number() & (RINGS - 1)];
        synchronized (ring) { // by identity: the number may have been another file's
            return (ring.told == eventFd || ring.tell(eventFd)) && ring.submit();
        }
    }

    private boolean tell(Fd eventFd) {
        if (told != null) {
            told = null;
            register(UNREGISTER_EVENTFD, 0, 0);
        }
        number.set(JAVA_INT, 0, eventFd.number());
        if (register(REGISTER_EVENTFD, number.address(), 1) != 0) {
            return false;
        }
        told = eventFd;
        return true;
    }

    private long register(int opcode, long argument, int count) {
        return Syscall.call(
                Syscall.IO_URING_REGISTER, rings.fd.number(), opcode, argument, count, 0, 0);
    }

    private boolean submit() {
        INDEX.setRelease(rings.submissions, (long) rings.sqTail, tail + 1);
        if (Syscall.call(Syscall.IO_URING_ENTER, rings.fd.number(), 1, 0, 0, 0, 0) != 1) {
            return false;
        }
        tail++;
        // the operation is complete, and nobody wants its result
        INDEX.setRelease(rings.completions, (long) rings.cqHead, tail);
        return true;
    }
}
