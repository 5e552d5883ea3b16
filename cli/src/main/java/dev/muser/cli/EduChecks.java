package dev.muser.cli;

import dev.muser.client.edu.EduDriver;
import java.io.PrintWriter;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Random;

/** Whether an edu does all that it should, line by line. */
final class EduChecks {
    private static final int FACTORIALS = 12; // 13! has more than 32 bits
    private static final int TRANSFERS = 64;

    private final EduDriver driver;
    private final PrintWriter out;
    private boolean passed = true;

    EduChecks(EduDriver driver, PrintWriter out) {
        this.driver = driver;
        this.out = out;
    }

    /** Returns whether all checks passed. */
    boolean run() {
        check("version", "%x".formatted(driver.version()), driver.version() == 0x10);
        check("liveness", "the device inverts what it is given", driver.isAlive());
        factorials();
        dma(System.nanoTime());
        return passed;
    }

    private void factorials() {
        int expected = 1;
        boolean right = true;
        for (int n = 1; n <= FACTORIALS; n++) {
            expected *= n;
            right &= driver.factorial(n) == expected;
        }
        check("factorials", "1! to %d!, each done with an interrupt".formatted(FACTORIALS), right);
    }

    private void dma(long seed) {
        var random = new Random(seed);
        var bytes = new byte[EduDriver.DEVICE_MEMORY_SIZE];
        boolean right = true;
        try (var arena = Arena.ofConfined()) {
            var back = arena.allocate(bytes.length);
            for (int i = 0; i < TRANSFERS; i++) {
                random.nextBytes(bytes);
                var sent = MemorySegment.ofArray(bytes);
                driver.store(sent);
                back.fill((byte) 0);
                driver.load(back);
                right &= back.mismatch(sent) == -1;
            }
        }
        check(
                "DMA",
                "%d times %d random bytes to the device and back (seed %x)"
                        .formatted(TRANSFERS, bytes.length, seed),
                right);
    }

    private void check(String name, String what, boolean right) {
        out.printf("  %-6s %-11s %s%n", right ? "ok" : "FAILED", name, what);
        out.flush();
        passed &= right;
    }
}
