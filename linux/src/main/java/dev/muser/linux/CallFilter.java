package dev.muser.linux;

import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;

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

    private final NavigableMap<Integer, BpfProgram> calls = new TreeMap<>();
    private final int firstUnknown;

    /**
     * @param firstUnknown calls from this number on do not exist; those before it are refused with
     *     EPERM unless they are named
     */
    CallFilter(int firstUnknown) {
        this.firstUnknown = firstUnknown;
    }

    CallFilter allow(int... numbers) {
        for (int number : numbers) {
            calls.put(number, ALLOW);
        }
        return this;
    }

    /** Says of these that the kernel has none, so that the caller takes an older one. */
    CallFilter hide(int... numbers) {
        for (int number : numbers) {
            calls.put(number, unknown);
        }
        return this;
    }

    /** Allows a call when an argument, of 32 bits, is one of {@code values}. */
    CallFilter allowOf(int number, int argument, int... values) {
        var program = new BpfProgram().load(BpfProgram.argument(argument));
        for (int value : values) {
            program.returnIfEqual(value, BpfProgram.RET_ALLOW);
        }
        calls.put(number, program.end(BpfProgram.fail(Errno.EPERM)));
        return this;
    }

    /** Allows a call when an argument has the bits of {@code mask} as {@code value} has them. */
    CallFilter allowMasked(int number, int argument, int mask, int value) {
        calls.put(
                number,
                new BpfProgram()
                        .load(BpfProgram.argument(argument))
                        .and(mask)
                        .returnIfEqual(value, BpfProgram.RET_ALLOW)
                        .end(BpfProgram.fail(Errno.EPERM)));
        return this;
    }

    BpfProgram program() {
        // where the answer changes: a run of calls with the same one is one entry
        var runs = new TreeMap<Integer, BpfProgram>();
        BpfProgram before = null;
        for (int number = 0; number < firstUnknown; number++) {
            var answer = calls.getOrDefault(number, refused);
            if (!answer.equals(before)) {
                runs.put(number, answer);
            }
            before = answer;
        }
        runs.put(firstUnknown, unknown);
        runs.put(X32, refused);
        return new BpfProgram()
                .load(BpfProgram.ARCH)
                .require(AUDIT_ARCH_X86_64, BpfProgram.fail(Errno.EPERM))
                .load(BpfProgram.NR)
                .append(search(runs));
    }

    private static BpfProgram search(NavigableMap<Integer, BpfProgram> runs) {
        if (runs.size() == 1) {
            return runs.firstEntry().getValue();
        }
        int middle =
                runs.entrySet().stream()
                        .skip(runs.size() / 2)
                        .map(Map.Entry::getKey)
                        .findFirst()
                        .orElseThrow();
        return new BpfProgram()
                .branch(
                        middle,
                        search(runs.headMap(middle, false)),
                        search(runs.tailMap(middle, true)));
    }
}
