package dev.muser.bench;

import java.io.PrintStream;
import java.util.Locale;

/** A table to read. */
final class TextReport implements Report {
    private final PrintStream out;

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
        out.println(
                "%-38s %-8s %10s %10s %10s %10s %7s"
                        .formatted("", "", "p50", "p99", "floor p50", "p99", "ratio"));
    }

    @Override
    public void add(Measurement m) {
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
            default -> number("%.1f ", value) + unit;
        };
    }

    private static String number(String format, double value) {
        return String.format(Locale.ROOT, format, value);
    }
}
