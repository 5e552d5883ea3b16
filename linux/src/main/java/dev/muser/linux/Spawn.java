package dev.muser.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/**
 * {@code posix_spawn(3)} of the C library. A JVM cannot fork by itself; its own {@code
 * ProcessBuilder} starts a helper that closes all descriptors.
 */
final class Spawn {
    private static final int SETSIGMASK = 8;

    // glibc, x86-64: posix_spawn_file_actions_t 80 bytes, posix_spawnattr_t 336, sigset_t 128;
    // musl's are no larger
    private static final int ACTIONS_SIZE = 256;
    private static final int ATTRIBUTES_SIZE = 512;
    private static final int SIGSET_SIZE = 128;

    /**
     * One shape for all of them, as {@link Syscall} has: by the calling convention of x86-64, six
     * integers or pointers are in registers, and who takes fewer does not look at the others.
     */
    private static final FunctionDescriptor SHAPE =
            FunctionDescriptor.of(
                    JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);

    private static final MethodHandle SPAWNP = function("posix_spawnp");
    private static final MethodHandle ACTIONS_INIT = function("posix_spawn_file_actions_init");
    private static final MethodHandle ADD_DUP2 = function("posix_spawn_file_actions_adddup2");
    private static final MethodHandle ACTIONS_DESTROY =
            function("posix_spawn_file_actions_destroy");
    private static final MethodHandle ATTRIBUTES_INIT = function("posix_spawnattr_init");
    private static final MethodHandle SET_MASK = function("posix_spawnattr_setsigmask");
    private static final MethodHandle SET_FLAGS = function("posix_spawnattr_setflags");

    private Spawn() {}

    /**
     * Starts a program and returns its process id. It gets {@code moves}, see {@link
     * DescriptorMoves}, besides 0 to 2; no signal is blocked.
     */
    static int start(List<String> command, Map<String, String> environment, int[] moves) {
        try (var arena = Arena.ofConfined()) {
            var actions = arena.allocate(ACTIONS_SIZE, 16);
            var attributes = arena.allocate(ATTRIBUTES_SIZE, 16);
            var pid = arena.allocate(8, 8);
            var arguments = strings(command.toArray(String[]::new), arena);
            var variables = strings(assignments(environment), arena);
            call("posix_spawnattr_init", ATTRIBUTES_INIT, attributes.address(), 0, 0);
            call(
                    "posix_spawnattr_setsigmask",
                    SET_MASK,
                    attributes.address(),
                    arena.allocate(SIGSET_SIZE, 8).address(),
                    0);
            call("posix_spawnattr_setflags", SET_FLAGS, attributes.address(), SETSIGMASK, 0);
            call("posix_spawn_file_actions_init", ACTIONS_INIT, actions.address(), 0, 0);
            try {
                for (int i = 0; i < moves.length; i += 2) {
                    call(
                            "posix_spawn_file_actions_adddup2",
                            ADD_DUP2,
                            actions.address(),
                            moves[i],
                            moves[i + 1]);
                }
                call(
                        "start " + command.getFirst(),
                        SPAWNP,
                        pid.address(),
                        arguments.get(JAVA_LONG, 0),
                        actions.address(),
                        attributes.address(),
                        arguments.address(),
                        variables.address());
                return pid.get(JAVA_INT, 0);
            } finally {
                call("posix_spawn_file_actions_destroy", ACTIONS_DESTROY, actions.address(), 0, 0);
            }
        }
    }

    private static String[] assignments(Map<String, String> environment) {
        var lines = new String[environment.size()];
        int n = 0;
        for (var entry : environment.entrySet()) {
            lines[n++] = entry.getKey().concat("=").concat(entry.getValue());
        }
        return lines;
    }

    /** Writes an array of pointers to C strings, with a null pointer at its end. */
    private static MemorySegment strings(String[] strings, Arena arena) {
        var array = arena.allocate(8L * (strings.length + 1), 8);
        for (int i = 0; i < strings.length; i++) {
            var bytes = strings[i].getBytes(StandardCharsets.UTF_8);
            if (strings[i].indexOf('\0') >= 0) {
                throw new SyscallException("start with a NUL in " + strings[i], Errno.EINVAL);
            }
            var text = arena.allocate(bytes.length + 1L);
            MemorySegment.copy(bytes, 0, text, JAVA_BYTE, 0, bytes.length);
            array.setAtIndex(JAVA_LONG, i, text.address());
        }
        return array;
    }

    private static void call(String name, MethodHandle function, long a, long b, long c) {
        call(name, function, a, b, c, 0, 0, 0);
    }

    /** These functions return an errno instead of setting it. */
    private static void call(
            String name, MethodHandle function, long a, long b, long c, long d, long e, long f) {
        int errno;
        try {
            errno = (int) (long) function.invokeExact(a, b, c, d, e, f);
        } catch (Throwable t) {
            throw new AssertionError(t);
        }
        if (errno != 0) {
            throw new SyscallException(name, errno);
        }
    }

    private static MethodHandle function(String name) {
        return Linker.nativeLinker()
                .downcallHandle(Linker.nativeLinker().defaultLookup().findOrThrow(name), SHAPE);
    }
}
