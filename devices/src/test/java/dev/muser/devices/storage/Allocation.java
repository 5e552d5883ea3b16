package dev.muser.devices.storage;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;

/** How many bytes of Java heap the current thread takes for something. */
public final class Allocation {
    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    private Allocation() {}

    /**
     * Runs {@code loop} until a run takes nothing, but no more than 50 times, and returns the
     * fewest bytes that a run took. The first runs take some, until their code is compiled; code
     * that really allocates does so in each.
     */
    public static long of(Runnable loop) {
        long fewest = Long.MAX_VALUE;
        for (int i = 0; i < 50 && fewest > 0; i++) {
            long before = THREADS.getCurrentThreadAllocatedBytes();
            loop.run();
            fewest = Math.min(fewest, THREADS.getCurrentThreadAllocatedBytes() - before);
        }
        return fewest;
    }
}
