package dev.muser.cli.demo;

import java.io.PrintWriter;
import java.time.Duration;

/**
 * How a piece of work goes: on a terminal a line with a bar that changes, elsewhere nothing until
 * it is done; then one line that stays.
 */
public final class Progress {
    private static final int BAR = 20;
    private static final String ROW = "  %-19s %9s %9s %9s %9s %9s";

    private final PrintWriter out;
    private final String name;
    private final double seconds;
    private final boolean terminal;

    public Progress(PrintWriter out, String name, Duration time, boolean terminal) {
        this.out = out;
        this.name = name;
        this.seconds = time.toMillis() / 1e3;
        this.terminal = terminal;
    }

    /** Prints what the columns are. */
    public static void printHeading(PrintWriter out) {
        out.println(ROW.formatted("", "IOPS", "MiB/s", "p50", "p99", "p99.9"));
        out.flush();
    }

    /** Shows how it goes, of which so much is done, 0 to 1. */
    public void update(DiskWorkload.Result result, double done) {
        if (terminal) {
            int filled = (int) (done * BAR);
            out.print(
                    "\r%s  [%s%s] %.0f s"
                            .formatted(
                                    row(result),
                                    "#".repeat(filled),
                                    ".".repeat(BAR - filled),
                                    seconds * (1 - done)));
            out.flush();
        }
    }

    /** Shows what happened meanwhile. */
    public void event(String line) {
        if (terminal) {
            out.print("\r\033[K");
        }
        out.println(line);
        out.flush();
    }

    /** Shows what it came to. */
    public void done(DiskWorkload.Result result) {
        event(row(result));
    }

    private String row(DiskWorkload.Result result) {
        return ROW.formatted(
                name,
                "%,.0f".formatted(result.rate()),
                "%,.0f".formatted(result.mebibytes()),
                time(result.percentile(50)),
                time(result.percentile(99)),
                time(result.percentile(99.9)));
    }

    private static String time(double microseconds) {
        return microseconds < 1_000
                ? "%.1f us".formatted(microseconds)
                : "%.1f ms".formatted(microseconds / 1_000);
    }
}
