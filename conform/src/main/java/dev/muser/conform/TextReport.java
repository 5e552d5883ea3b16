package dev.muser.conform;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Results for people. */
public final class TextReport {
    private TextReport() {}

    /** Returns a case in one line: outcome, id, what is required, and why it is not so. */
    public static String line(CaseResult result) {
        var about = result.about();
        return "%-12s %s: %s%s%n"
                .formatted(
                        word(result.outcome()),
                        about.id(),
                        about.title(),
                        result.reason().isEmpty() ? "" : " -- " + result.reason());
    }

    /** Returns what was sent, expected and got, a line for each, with the bytes below. */
    public static String record(CaseResult result) {
        var text = new StringBuilder();
        for (var event : result.events()) {
            text.append("    %-8s %s%n".formatted(kind(event.kind()), event.text()));
            if (!event.hex().isEmpty()) {
                text.append("             %s%n".formatted(event.hex()));
            }
        }
        return text.toString();
    }

    /** Returns a table of sections, and the sums. */
    public static String summary(Report report) {
        var sections = new LinkedHashMap<String, Map<Outcome, Long>>();
        report.results()
                .forEach(result ->
                        sections.computeIfAbsent(
                                        result.about().section(), _ -> new LinkedHashMap<>())
                                .merge(result.outcome(), 1L, Long::sum));
        var text = new StringBuilder();
        sections.forEach(
                (section, counts) -> text.append("%-16s %s%n".formatted(section, counts(counts))));
        var all =
                report.results().stream()
                        .collect(
                                Collectors.groupingBy(
                                        CaseResult::outcome,
                                        LinkedHashMap::new,
                                        Collectors.counting()));
        text.append("%d cases: %s%n".formatted(report.results().size(), counts(all)));
        return text.toString();
    }

    /** Returns a case that was not run: level, id, what is required. */
    public static String listed(Case which) {
        return "%-7s %s: %s%s%n"
                .formatted(
                        which.level(),
                        which.id(),
                        which.title(),
                        which.needsOwnConnection() ? " (a connection of its own)" : "");
    }

    private static String counts(Map<Outcome, Long> counts) {
        return Stream.of(Outcome.values())
                .filter(counts::containsKey)
                .map(outcome -> counts.get(outcome) + " " + outcome.text())
                .collect(Collectors.joining(", "));
    }

    private static String word(Outcome outcome) {
        return switch (outcome) {
            case PASSED -> "ok";
            case NOTED -> "note";
            case FAILED -> "FAILED";
            case NOT_OFFERED -> "not offered";
            case NOT_RUN -> "NOT RUN";
        };
    }

    private static String kind(Event.Kind kind) {
        return switch (kind) {
            case SENT -> "sent";
            case GOT -> "got";
            case EXPECTED -> "expected";
            case FAILED -> "FAILED";
            case NOTED -> "note";
        };
    }
}
