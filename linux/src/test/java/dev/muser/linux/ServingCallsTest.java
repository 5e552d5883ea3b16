package dev.muser.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The filter, run as {@code kernel/seccomp.c} and {@code net/core/filter.c} do. Numbers are of
 * {@code arch/x86/entry/syscalls/syscall_64.tbl}.
 */
final class ServingCallsTest {
    private static final int X86_64 = 0xc000_003e;
    private static final int I386 = 0x4000_0003;
    private static final int OWN = 4711;

    private static final long ALLOWED = 0x7fff_0000L;
    private static final long EPERM = 0x5_0001L;
    private static final long ENOSYS = 0x5_0026L;

    private static final Sandbox.Needs NOTHING = new Sandbox.Needs(false, false, false);
    private static final Sandbox.Needs NETWORK = new Sandbox.Needs(true, false, false);
    private static final Sandbox.Needs URING = new Sandbox.Needs(false, true, false);
    private static final Sandbox.Needs PROGRAMS = new Sandbox.Needs(false, false, true);

    /** What the kernel would be told, from the bytes that it would get. */
    private static long ask(Sandbox.Needs needs, int architecture, int number, long... args) {
        try (var arena = Arena.ofConfined()) {
            var program = ServingCalls.filter(needs, OWN).encode(arena);
            var data = arena.allocate(64, 8);
            data.set(JAVA_INT, 0, number);
            data.set(JAVA_INT, 4, architecture);
            for (int i = 0; i < args.length; i++) {
                data.set(JAVA_LONG, 16 + 8L * i, args[i]);
            }
            return run(program, data);
        }
    }

    private static long run(MemorySegment program, MemorySegment data) {
        int accumulator = 0;
        long pc = 0;
        while (true) {
            long at = 8 * pc++;
            int code = Short.toUnsignedInt(program.get(JAVA_SHORT, at));
            int whenTrue = Byte.toUnsignedInt(program.get(JAVA_BYTE, at + 2));
            int whenFalse = Byte.toUnsignedInt(program.get(JAVA_BYTE, at + 3));
            int k = program.get(JAVA_INT, at + 4);
            switch (code) {
                case 0x20 -> accumulator = data.get(JAVA_INT, k); // BPF_LD | BPF_W | BPF_ABS
                case 0x54 -> accumulator &= k; // BPF_ALU | BPF_AND | BPF_K
                case 0x15 -> pc += accumulator == k ? whenTrue : whenFalse; // BPF_JEQ
                case 0x35 -> // BPF_JGE
                        pc += Integer.compareUnsigned(accumulator, k) >= 0 ? whenTrue : whenFalse;
                case 0x06 -> { // BPF_RET | BPF_K
                    return Integer.toUnsignedLong(k);
                }
                default -> throw new AssertionError("instruction " + Integer.toHexString(code));
            }
        }
    }

    private static long decide(Sandbox.Needs needs, int number, long... args) {
        return ask(needs, X86_64, number, args);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 3, 9, 10, 11, 46, 47, 202, 231, 232, 233, 257, 288, 290, 426})
    void shouldAllowWhatServingTakes(int number) {
        assertThat(decide(NOTHING, number)).isEqualTo(ALLOWED);
    }

    @ParameterizedTest
    @CsvSource({
        "ptrace, 101",
        "setuid, 105",
        "setgid, 106",
        "mknod, 133",
        "personality, 135",
        "pivot_root, 155",
        "chroot, 161",
        "mount, 165",
        "init_module, 175",
        "quotactl, 179",
        "setxattr, 188",
        "add_key, 248",
        "keyctl, 250",
        "unshare, 272",
        "perf_event_open, 298",
        "open_by_handle_at, 304",
        "setns, 308",
        "process_vm_readv, 310",
        "process_vm_writev, 311",
        "kcmp, 312",
        "bpf, 321",
        "execveat, 322",
        "userfaultfd, 323",
        "pidfd_getfd, 438",
        "io_uring x32, 1073742249"
    })
    void shouldRefuseWhateverIsNeeded(String name, int number) {
        for (var needs : List.of(NOTHING, NETWORK, URING, PROGRAMS)) {
            assertThat(decide(needs, number)).as(name).isEqualTo(EPERM);
        }
    }

    @Test
    void shouldRefuseEverythingOfAnotherArchitecture() {
        for (int number = 0; number < 500; number++) {
            assertThat(ask(PROGRAMS, I386, number)).isEqualTo(EPERM);
        }
    }

    @Test
    void shouldRefuseEveryNumberOfX32AndNegativeOnes() {
        for (int number = 0; number < 600; number++) {
            assertThat(decide(PROGRAMS, 0x4000_0000 + number)).isEqualTo(EPERM);
        }
        assertThat(decide(PROGRAMS, -1)).isEqualTo(EPERM);
        assertThat(decide(PROGRAMS, Integer.MIN_VALUE)).isEqualTo(EPERM);
    }

    @Test
    void shouldSeemAnOlderKernelToALibraryThatKnowsMoreCalls() {
        assertThat(decide(NOTHING, 470)).isEqualTo(ENOSYS);
        assertThat(decide(NOTHING, 0x3fff_ffff)).isEqualTo(ENOSYS);
        assertThat(decide(NOTHING, 435)).as("clone3").isEqualTo(ENOSYS);
        assertThat(decide(PROGRAMS, 435)).as("clone3").isEqualTo(ENOSYS);
        assertThat(decide(NOTHING, 437)).as("openat2").isEqualTo(ENOSYS);
    }

    @Test
    void shouldAllowSocketsOfThisMachineAndOthersWhereTheyAreNeeded() {
        int socket = 41;
        assertThat(decide(NOTHING, socket, 1, 1, 0)).isEqualTo(ALLOWED);
        assertThat(decide(NOTHING, socket, 2, 1, 0)).isEqualTo(EPERM);
        assertThat(decide(NOTHING, socket, 10, 1, 0)).isEqualTo(EPERM);
        assertThat(decide(NETWORK, socket, 2, 1, 0)).isEqualTo(ALLOWED);
        assertThat(decide(NETWORK, socket, 10, 1, 0)).isEqualTo(ALLOWED);
        for (int family : new int[] {16, 17, 38, 40}) { // netlink, packet, alg, vsock
            assertThat(decide(NETWORK, socket, family, 1, 0)).isEqualTo(EPERM);
        }
    }

    @Test
    void shouldLookAtNoMoreOfAnIntThanTheKernelDoes() {
        long alsoInet = 0xdead_beef_0000_0002L;
        assertThat(decide(NOTHING, 41, alsoInet)).isEqualTo(EPERM);
        assertThat(decide(NETWORK, 41, alsoInet)).isEqualTo(ALLOWED);
    }

    @Test
    void shouldAllowThreadsButNoPrograms() {
        int clone = 56;
        long thread = 0x3d0f00; // what pthread_create(3) asks for
        assertThat(decide(NOTHING, clone, thread)).isEqualTo(ALLOWED);
        assertThat(decide(NOTHING, clone, 17)).as("a fork").isEqualTo(EPERM);
        assertThat(decide(NOTHING, clone, 0x4111)).as("a vfork").isEqualTo(EPERM);
        for (int number : new int[] {57, 58, 59, 424}) { // fork vfork execve pidfd_send_signal
            assertThat(decide(NOTHING, number)).isEqualTo(EPERM);
            assertThat(decide(PROGRAMS, number)).isEqualTo(ALLOWED);
        }
        assertThat(decide(PROGRAMS, clone, 0x4111)).isEqualTo(ALLOWED);
    }

    @Test
    void shouldAllowSignalsToItselfAlone() {
        for (int number : new int[] {62, 234}) { // kill, tgkill
            assertThat(decide(NOTHING, number, OWN)).isEqualTo(ALLOWED);
            assertThat(decide(NOTHING, number, OWN + 1)).isEqualTo(EPERM);
            assertThat(decide(NOTHING, number, -1)).isEqualTo(EPERM);
        }
    }

    @Test
    void shouldAllowNewRingsOnlyWhereTheyAreNeeded() {
        assertThat(decide(NOTHING, 425)).isEqualTo(ENOSYS);
        assertThat(decide(URING, 425)).isEqualTo(ALLOWED);
        assertThat(decide(PROGRAMS, 425)).isEqualTo(ALLOWED);
    }

    @Test
    void shouldRefuseToTypeForTheTerminalAndToGiveUpItsOwnLimits() {
        assertThat(decide(NOTHING, 16, 0, 0x5412)).as("TIOCSTI").isEqualTo(EPERM);
        assertThat(decide(NOTHING, 16, 0, 0x541b)).as("FIONREAD").isEqualTo(ALLOWED);
        assertThat(decide(NOTHING, 157, 22)).as("PR_SET_SECCOMP").isEqualTo(EPERM);
        assertThat(decide(NOTHING, 157, 15)).as("PR_SET_NAME").isEqualTo(ALLOWED);
        assertThat(decide(NOTHING, 302, 0)).as("prlimit of itself").isEqualTo(ALLOWED);
        assertThat(decide(NOTHING, 302, 1)).as("prlimit of another").isEqualTo(EPERM);
    }
}
