package dev.muser.linux;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;

/** How many bytes of Java heap the current thread takes for something. */
final class Allocation {
    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    private Allocation() {}

    /**
     * Runs {@code loop} until it is compiled, then returns the fewest bytes that one of several
     * further runs took: the measuring itself now and then takes some.
     */
    static long of(Runnable loop) {
        for (int i = 0; i < 5; i++) {
            loop.run();
        }
        long fewest = Long.MAX_VALUE;
        for (int i = 0; i < 5; i++) {
            long before = THREADS.getCurrentThreadAllocatedBytes();
            loop.run();
            fewest = Math.min(fewest, THREADS.getCurrentThreadAllocatedBytes() - before);
        }
        return fewest;
    }
}
