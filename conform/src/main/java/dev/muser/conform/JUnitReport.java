package dev.muser.conform;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Results as JUnit's XML, which CI systems read: a suite for each section. A case that could not be
 * run is an error; one about what the device does not have is skipped.
 */
public final class JUnitReport {
    private JUnitReport() {}

    /** Returns the document. */
    public static String of(Report report) {
        var suites = new LinkedHashMap<String, List<CaseResult>>();
        for (var result : report.results()) {
            suites.computeIfAbsent(result.about().section(), _ -> new ArrayList<>()).add(result);
        }
        var xml = new StringBuilder("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites");
        totals(xml, report.results());
        xml.append(">\n");
        for (Map.Entry<String, List<CaseResult>> suite : suites.entrySet()) {
            xml.append("  <testsuite name=\"vfio-user.").append(suite.getKey()).append('"');
            totals(xml, suite.getValue());
            xml.append(">\n");
            suite.getValue().forEach(result -> testCase(xml, result));
            xml.append("  </testsuite>\n");
        }
        return xml.append("</testsuites>\n").toString();
    }

    private static void totals(StringBuilder xml, List<CaseResult> results) {
        double seconds = results.stream().mapToLong(r -> r.took().toNanos()).sum() / 1e9;
        attribute(xml, "tests", Integer.toString(results.size()));
        attribute(xml, "failures", count(results, Outcome.FAILED));
        attribute(xml, "errors", count(results, Outcome.NOT_RUN));
        attribute(xml, "skipped", count(results, Outcome.NOT_OFFERED));
        attribute(xml, "time", seconds(seconds));
    }

    private static void testCase(StringBuilder xml, CaseResult result) {
        var about = result.about();
        xml.append("    <testcase");
        attribute(xml, "classname", "vfio-user." + about.section());
        attribute(xml, "name", about.id().substring(about.section().length() + 1));
        attribute(xml, "time", seconds(result.took().toNanos() / 1e9));
        xml.append(">\n");
        var record = about.title() + "\n" + TextReport.record(result);
        switch (result.outcome()) {
            case PASSED -> {}
            case NOTED ->
                    element(xml, "system-out", "", "note: " + result.reason() + "\n" + record);
            case FAILED -> element(xml, "failure", result.reason(), record);
            case NOT_OFFERED -> element(xml, "skipped", result.reason(), "");
            case NOT_RUN -> element(xml, "error", result.reason(), record);
        }
        xml.append("    </testcase>\n");
    }

    private static void element(StringBuilder xml, String name, String message, String text) {
        xml.append("      <").append(name);
        if (!message.isEmpty()) {
            attribute(xml, "message", message);
        }
        xml.append('>').append(escaped(text)).append("</").append(name).append(">\n");
    }

    private static void attribute(StringBuilder xml, String name, String value) {
        xml.append(' ').append(name).append("=\"").append(escaped(value)).append('"');
    }

    private static String count(List<CaseResult> results, Outcome outcome) {
        return Long.toString(results.stream().filter(r -> r.outcome() == outcome).count());
    }

    private static String seconds(double seconds) {
        return String.format(Locale.ROOT, "%.3f", seconds);
    }

    /** What a server sends may have characters that XML has not. */
    private static String escaped(String text) {
        var escaped = new StringBuilder();
        text.codePoints()
                .forEach(c -> {
                    switch (c) {
                        case '&' -> escaped.append("&amp;");
                        case '<' -> escaped.append("&lt;");
                        case '>' -> escaped.append("&gt;");
                        case '"' -> escaped.append("&quot;");
                        default -> {
                            boolean allowed =
                                    c == '\n'
                                            || c == '\t'
                                            || (c >= 0x20 && c < 0xd800)
                                            || (c >= 0xe000 && c < 0xfffe)
                                            || c >= 0x10000;
                            escaped.appendCodePoint(allowed ? c : '?');
                        }
                    }
                });
        return escaped.toString();
    }
}
