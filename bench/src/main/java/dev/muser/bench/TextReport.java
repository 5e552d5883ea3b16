package dev.muser.bench;

import java.io.PrintStream;
import java.util.Locale;

/** A table to read. */
final class TextReport implements Report {
    private static final String DISK = "%-38s %9s %9s %9s %9s %9s %9s %7s %9s %7s";

    private final PrintStream out;
    private String header = "";

    TextReport(PrintStream out) {
        this.out = out;
    }

    @Override
    public void begin(int clientCpu, int serverCpu) {
        out.println(
                "JDK %s, %d CPUs; blocking: both on CPU %d; polling: client on %d, server on %d"
                        .formatted(
                                Runtime.version(),
                                Runtime.getRuntime().availableProcessors(),
                                clientCpu,
                                clientCpu,
                                serverCpu));
    }

    /** Prints the line above a table, when it is not the one that was printed last. */
    private void header(String line) {
        if (!line.equals(header)) {
            header = line;
            out.println(line);
        }
    }

    @Override
    public void add(Measurement m) {
        header(
                "%-38s %-8s %10s %10s %10s %10s %7s"
                        .formatted("", "", "p50", "p99", "floor p50", "p99", "ratio"));
        out.println(
                "%-38s %-8s %10s %10s %10s %10s %7s"
                        .formatted(
                                m.what(),
                                m.policy() == null ? "" : m.policy().id(),
                                value(m.p50(), m.unit()),
                                m.samples() == 1 ? "" : value(m.p99(), m.unit()),
                                value(m.floor50(), m.unit()),
                                value(m.floor99(), m.unit()),
                                Double.isNaN(m.ratio()) ? "" : number("%.2f x", m.ratio()))
                        .stripTrailing());
    }

    @Override
    public void add(DiskFigure f) {
        header(
                DISK.formatted(
                        "", "/s", "mean", "p50", "p99", "p99.9", "floor", "ratio", "peer",
                        "of it"));
        out.println(
                DISK.formatted(
                                f.what(),
                                count(f.perSecond()),
                                value(f.mean(), "ns"),
                                value(f.p50(), "ns"),
                                value(f.p99(), "ns"),
                                value(f.p999(), "ns"),
                                value(f.floor(), "ns"),
                                Double.isNaN(f.ratio()) ? "" : number("%.2f x", f.ratio()),
                                Double.isNaN(f.peer()) ? "" : count(f.peer()),
                                Double.isNaN(f.peer()) ? "" : number("%.2f x", f.ofPeer()))
                        .stripTrailing());
    }

    private static String count(double perSecond) {
        return perSecond < 1e6
                ? number("%.1f k", perSecond / 1e3)
                : number("%.2f M", perSecond / 1e6);
    }

    @Override
    public void note(String text) {
        out.println(text);
    }

    private static String value(double value, String unit) {
        if (Double.isNaN(value)) {
            return "";
        }
        return switch (unit) {
            case "ns" -> value < 1000 ? number("%.1f ns", value) : number("%.2f us", value / 1000);
            case "bytes" ->
                    value < 1024 ? number("%.1f B", value) : number("%.1f KiB", value / 1024);
            case "x" -> number("%.2f x", value);
            default -> number("%.1f ", value) + unit;
        };
    }

    private static String number(String format, double value) {
        return String.format(Locale.ROOT, format, value);
    }
}
