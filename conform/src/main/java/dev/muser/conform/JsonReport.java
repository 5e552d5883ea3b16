package dev.muser.conform;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Results for programs, as maps, lists, strings, numbers and booleans. */
public final class JsonReport {
    private JsonReport() {}

    /** Returns all that a run found, with the record of every case. */
    public static Map<String, Object> of(Report report) {
        var map = new LinkedHashMap<String, Object>();
        map.put("socket", report.socket().toString());
        map.put("conforms", report.conforms());
        var counts = new LinkedHashMap<String, Object>();
        for (var outcome : Outcome.values()) {
            counts.put(name(outcome), report.count(outcome));
        }
        map.put("counts", counts);
        map.put("cases", report.results().stream().map(JsonReport::result).toList());
        return map;
    }

    /** Returns what cases there are. */
    public static List<Map<String, Object>> of(List<Case> cases) {
        return cases.stream().map(JsonReport::about).toList();
    }

    private static Map<String, Object> about(Case which) {
        var map = new LinkedHashMap<String, Object>();
        map.put("id", which.id());
        map.put("section", which.section());
        map.put("level", name(which.level()));
        map.put("title", which.title());
        map.put("ownConnection", which.needsOwnConnection());
        return map;
    }

    private static Map<String, Object> result(CaseResult result) {
        var map = about(result.about());
        map.put("outcome", name(result.outcome()));
        map.put("reason", result.reason());
        map.put("milliseconds", result.took().toNanos() / 1e6);
        map.put("record", result.events().stream().map(JsonReport::event).toList());
        return map;
    }

    private static Map<String, Object> event(Event event) {
        var map = new LinkedHashMap<String, Object>();
        map.put("kind", name(event.kind()));
        map.put("text", event.text());
        if (!event.hex().isEmpty()) {
            map.put("hex", event.hex());
        }
        return map;
    }

    private static String name(Enum<?> value) {
        return value.name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}
