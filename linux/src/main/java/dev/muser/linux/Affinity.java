package dev.muser.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
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
            var mask = mask(cpus, arena);
            Syscall.check(
                    "sched_setaffinity " + cpus,
                    Syscall.call(Syscall.SCHED_SETAFFINITY, 0, MASK_BYTES, mask.address()));
        }
    }

    /** Returns {@code cpus} as the kernel takes them, {@code cpu_set_t}. */
    static MemorySegment mask(BitSet cpus, Arena arena) {
        var mask = arena.allocate(MASK_BYTES, 8);
        var bytes = cpus.toByteArray();
        MemorySegment.copy(bytes, 0, mask, JAVA_BYTE, 0, Math.min(bytes.length, MASK_BYTES));
        return mask;
    }

    /** Returns the CPUs that the calling thread may run on. */
    public static BitSet get() {
        return get(0);
    }

    /**
     * Returns the CPUs that the process was started for: those of its first thread, which only
     * waits for the JVM's main thread and is never pinned. Helpers of a pinned thread inherit its
     * pin, and would share its CPU with it if they did not ask for these.
     */
    public static BitSet ofProcess() {
        return get(ProcessHandle.current().pid());
    }

    private static BitSet get(long thread) {
        try (var arena = Arena.ofConfined()) {
            var mask = arena.allocate(MASK_BYTES, 8);
            long n =
                    Syscall.check(
                            "sched_getaffinity",
                            Syscall.call(
                                    Syscall.SCHED_GETAFFINITY, thread, MASK_BYTES, mask.address()));
            return BitSet.valueOf(mask.asSlice(0, n).toArray(JAVA_BYTE));
        }
    }
}
