package dev.muser.cli;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.Arrays;

/** {@code muser} on a kernel that says ENOSYS to some system calls, by a filter of this class's. */
final class OldKernel {
    static final String SECCOMP = "317";

    /** All three of its calls. */
    static final String LANDLOCK = "444,445,446";

    // prctl(2), seccomp(2)
    private static final int PRCTL = 157;
    private static final int PR_SET_NO_NEW_PRIVS = 38;
    private static final int SECCOMP_SET_MODE_FILTER = 1;
    private static final int SECCOMP_FILTER_FLAG_TSYNC = 1;

    // bpf(4), linux/seccomp.h
    private static final int LOAD = 0x20;
    private static final int JUMP_IF_EQUAL = 0x15;
    private static final int RETURN = 0x06;
    private static final int ALLOW = 0x7fff_0000;
    private static final int FAIL_WITH_ENOSYS = 0x0005_0000 | 38;

    private OldKernel() {}

    /**
     * @param arguments the numbers of the calls that are missing, with commas; then muser's
     */
    public static void main(String[] arguments) throws Throwable {
        hide(Arrays.stream(arguments[0].split(",", -1)).mapToInt(Integer::parseInt).toArray());
        Main.main(Arrays.copyOfRange(arguments, 1, arguments.length));
    }

    private static void hide(int[] calls) throws Throwable {
        try (var arena = Arena.ofConfined()) {
            // struct sock_filter: code u16 @0, jt u8 @2, jf u8 @3, k u32 @4
            var program = arena.allocate(8L * (calls.length + 3), 8);
            put(program, 0, LOAD, 0, 0); // seccomp_data.nr
            for (int i = 0; i < calls.length; i++) {
                put(program, 1 + i, JUMP_IF_EQUAL, calls.length - i, calls[i]);
            }
            put(program, calls.length + 1, RETURN, 0, ALLOW);
            put(program, calls.length + 2, RETURN, 0, FAIL_WITH_ENOSYS);
            // struct sock_fprog: len u16 @0, filter pointer @8
            var fprog = arena.allocate(16, 8);
            fprog.set(JAVA_SHORT, 0, (short) (calls.length + 3));
            fprog.set(JAVA_LONG, 8, program.address());
            call(PRCTL, PR_SET_NO_NEW_PRIVS, 1, 0);
            call(
                    Integer.parseInt(SECCOMP),
                    SECCOMP_SET_MODE_FILTER,
                    SECCOMP_FILTER_FLAG_TSYNC,
                    fprog.address());
        }
    }

    private static void put(MemorySegment program, int index, int code, int jump, int value) {
        program.set(JAVA_SHORT, 8L * index, (short) code);
        program.set(JAVA_BYTE, 8L * index + 2, (byte) jump);
        program.set(JAVA_INT, 8L * index + 4, value);
    }

    private static void call(long number, long a, long b, long c) throws Throwable {
        var linker = Linker.nativeLinker();
        MethodHandle syscall =
                linker.downcallHandle(
                        linker.defaultLookup().findOrThrow("syscall"),
                        FunctionDescriptor.of(
                                JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG,
                                JAVA_LONG),
                        Linker.Option.firstVariadicArg(1));
        long result = (long) syscall.invokeExact(number, a, b, c, 0L, 0L);
        if (result != 0) {
            throw new IllegalStateException("system call " + number + " returned " + result);
        }
    }
}
