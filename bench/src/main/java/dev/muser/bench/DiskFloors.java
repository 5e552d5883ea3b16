package dev.muser.bench;

import dev.muser.linux.Affinity;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;

/** What the machine itself takes for what a disk must do, in nanoseconds. */
final class DiskFloors {
    private static final VarHandle INTS = ValueLayout.JAVA_INT.varHandle();
    private static final int LINE = 64;
    private static final int ROUND_TRIPS = 2000;

    /** The first ones are compiled on the way. */
    private static final int ROUNDS = 20;

    private static final int COPIES = 1024;
    private static final int COPY = 4096;

    private final MemorySegment lines = Arena.ofAuto().allocate(4 * LINE, 2 * LINE);
    private final MemorySegment area = Arena.ofAuto().allocate(DiskServer.SIZE, COPY);
    private final MemorySegment buffer = Arena.ofAuto().allocate(COPY, COPY);
    private long random = 88172645463325252L;

    DiskFloors() {
        area.fill((byte) 1); // so that its pages are there
    }

    /** A cache line to the other CPU and another one back. */
    double roundTrip(int otherCpu) {
        INTS.setRelease(lines, 0L, 0);
        INTS.setRelease(lines, 2L * LINE, 0);
        var other =
                Thread.ofPlatform()
                        .daemon()
                        .name("bench-echo")
                        .start(() -> {
                            Affinity.pin(otherCpu);
                            for (int round = 0; round < ROUNDS; round++) {
                                echo(round * ROUND_TRIPS);
                            }
                        });
        double best = Double.MAX_VALUE;
        for (int round = 0; round < ROUNDS; round++) {
            long start = System.nanoTime();
            ask(round * ROUND_TRIPS);
            best = Math.min(best, (double) (System.nanoTime() - start) / ROUND_TRIPS);
        }
        join(other);
        return best;
    }

    private void ask(int from) {
        for (int i = from + 1; i <= from + ROUND_TRIPS; i++) {
            INTS.setRelease(lines, 0L, i);
            await(2L * LINE, i);
        }
    }

    private void echo(int from) {
        for (int i = from + 1; i <= from + ROUND_TRIPS; i++) {
            await(0, i);
            INTS.setRelease(lines, 2L * LINE, i);
        }
    }

    /** Without a pause, which would be a part of what is measured. */
    private void await(long at, int value) {
        while ((int) INTS.getAcquire(lines, at) != value) {}
    }

    private static void join(Thread thread) {
        try {
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** A copy of 4 KiB from any place of as much memory as the disks have. */
    double coldCopy() {
        double best = Double.MAX_VALUE;
        for (int round = 0; round < ROUNDS; round++) {
            long start = System.nanoTime();
            for (int i = 0; i < COPIES; i++) {
                long x = random;
                x ^= x << 13;
                x ^= x >>> 7;
                x ^= x << 17;
                random = x;
                long place = Math.unsignedMultiplyHigh(x, DiskServer.SIZE / COPY);
                MemorySegment.copy(area, place * COPY, buffer, 0, COPY);
            }
            best = Math.min(best, (double) (System.nanoTime() - start) / COPIES);
        }
        return best;
    }
}
