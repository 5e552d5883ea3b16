package dev.muser.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.Arena;
import java.util.BitSet;

/** On which CPUs the calling thread runs: {@code sched_setaffinity(2)}. */
public final class Affinity {
    private static final int MASK_BYTES = 1024;

    private Affinity() {}

    /** Pins the calling (platform) thread; throws EINVAL when there is no such CPU for it. */
    public static void pin(int cpu) {
        var one = new BitSet();
        one.set(cpu);
        set(one);
    }

    /** Lets the calling (platform) thread run on these CPUs only. */
    public static void set(BitSet cpus) {
        try (var arena = Arena.ofConfined()) {
            var mask = arena.allocate(MASK_BYTES, 8);
            var bytes = cpus.toByteArray();
            for (int i = 0; i < Math.min(bytes.length, MASK_BYTES); i++) {
                mask.set(JAVA_BYTE, i, bytes[i]);
            }
            Syscall.check(
                    "sched_setaffinity " + cpus,
                    Syscall.call(Syscall.SCHED_SETAFFINITY, 0, MASK_BYTES, mask.address()));
        }
    }

    /** Returns the CPUs that the calling thread may run on. */
    public static BitSet get() {
        try (var arena = Arena.ofConfined()) {
            var mask = arena.allocate(MASK_BYTES, 8);
            long n =
                    Syscall.check(
                            "sched_getaffinity",
                            Syscall.call(Syscall.SCHED_GETAFFINITY, 0, MASK_BYTES, mask.address()));
            return BitSet.valueOf(mask.asSlice(0, n).toArray(JAVA_BYTE));
        }
    }
}
