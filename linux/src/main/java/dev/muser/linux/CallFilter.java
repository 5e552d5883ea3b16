package dev.muser.linux;

import java.util.Arrays;

/**
 * Which system calls a process may make, by number, as a program for {@code seccomp(2)}: a binary
 * search, since the older kernels run it for each call. (From Linux 5.11 on, a call that is allowed
 * whatever its arguments costs nothing.)
 */
final class CallFilter {
    private static final int AUDIT_ARCH_X86_64 = 0xc000_003e;

    /** x32 has the same architecture and numbers of its own from here on. */
    static final int X32 = 0x4000_0000;

    private static final BpfProgram ALLOW = new BpfProgram().end(BpfProgram.RET_ALLOW);

    private final BpfProgram refused = new BpfProgram().end(BpfProgram.fail(Errno.EPERM));

    /** To a C library that is newer than this list, the kernel is an older one. */
    private final BpfProgram unknown = new BpfProgram().end(BpfProgram.fail(Errno.ENOSYS));

    /** By number; no collections, which this early in a JVM's life take milliseconds. */
    private final BpfProgram[] calls;

    /**
     * @param firstUnknown calls from this number on do not exist; those before it are refused with
     *     EPERM unless they are named
     */
    CallFilter(int firstUnknown) {
        calls = new BpfProgram[firstUnknown];
        Arrays.fill(calls, refused);
    }

    CallFilter allow(int... numbers) {
        for (int number : numbers) {
            calls[number] = ALLOW;
        }
        return this;
    }

    /** Says of these that the kernel has none, so that the caller takes an older one. */
    CallFilter hide(int... numbers) {
        for (int number : numbers) {
            calls[number] = unknown;
        }
        return this;
    }

    /** Allows a call when an argument, of 32 bits, is one of {@code values}. */
    CallFilter allowOf(int number, int argument, int... values) {
        var program = new BpfProgram().load(BpfProgram.argument(argument));
        for (int value : values) {
            program.returnIfEqual(value, BpfProgram.RET_ALLOW);
        }
        calls[number] = program.end(BpfProgram.fail(Errno.EPERM));
        return this;
    }

    /** Allows a call when an argument has the bits of {@code mask} as {@code value} has them. */
    CallFilter allowMasked(int number, int argument, int mask, int value) {
        calls[number] =
                new BpfProgram()
                        .load(BpfProgram.argument(argument))
                        .and(mask)
                        .returnIfEqual(value, BpfProgram.RET_ALLOW)
                        .end(BpfProgram.fail(Errno.EPERM));
        return this;
    }

    BpfProgram program() {
        // where the answer changes: a run of calls with the same one is one entry
        var starts = new int[calls.length + 2];
        var answers = new BpfProgram[calls.length + 2];
        int runs = 0;
        for (int number = 0; number < calls.length; number++) {
            if (runs == 0 || !answers[runs - 1].equals(calls[number])) {
                starts[runs] = number;
                answers[runs++] = calls[number];
            }
        }
        starts[runs] = calls.length;
        answers[runs++] = unknown;
        starts[runs] = X32;
        answers[runs++] = refused;
        return new BpfProgram()
                .load(BpfProgram.ARCH)
                .require(AUDIT_ARCH_X86_64, BpfProgram.fail(Errno.EPERM))
                .load(BpfProgram.NR)
                .append(search(starts, answers, 0, runs));
    }

    private static BpfProgram search(int[] starts, BpfProgram[] answers, int from, int to) {
        if (to - from == 1) {
            return answers[from];
        }
        int middle = (from + to) >>> 1;
        return new BpfProgram()
                .branch(
                        starts[middle],
                        search(starts, answers, from, middle),
                        search(starts, answers, middle, to));
    }
}
