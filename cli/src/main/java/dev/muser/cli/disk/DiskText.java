package dev.muser.cli.disk;

import dev.muser.cli.Spelling;
import dev.muser.cli.UserError;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * A namespace as text: {@code file=b.img,size=10G,read-only}. A comma in a value is doubled, as in
 * QEMU's options.
 */
public final class DiskText {
    private static final char BETWEEN = ',';

    private DiskText() {}

    /**
     * Reads it.
     *
     * @throws UserError with what is wrong
     */
    public static Map<DiskKey, String> parse(String text) {
        var values = new EnumMap<DiskKey, String>(DiskKey.class);
        int at = 0;
        while (at <= text.length()) {
            var item = new StringBuilder();
            at = next(text, at, item);
            add(values, item.toString(), text);
        }
        return values;
    }

    /** Writes it so that {@link #parse} gives the same back. */
    public static String format(Map<DiskKey, String> values) {
        return values.entrySet().stream()
                .map(e ->
                        e.getKey().isFlag()
                                ? e.getKey().key()
                                : e.getKey().key() + "=" + e.getValue().replace(",", ",,"))
                .collect(Collectors.joining(","));
    }

    /** Appends up to the next single comma; returns where the one after it begins. */
    private static int next(String text, int from, StringBuilder item) {
        int at = from;
        while (at < text.length()) {
            char c = text.charAt(at++);
            if (c == BETWEEN) {
                if (at >= text.length() || text.charAt(at) != BETWEEN) {
                    return at;
                }
                at++;
            }
            item.append(c);
        }
        return text.length() + 1;
    }

    private static void add(Map<DiskKey, String> values, String item, String text) {
        int equals = item.indexOf('=');
        var name = equals < 0 ? item : item.substring(0, equals);
        var key = find(name, text);
        if (key.isFlag() == (equals >= 0)) {
            throw wrong(
                    text,
                    key.isFlag()
                            ? "'%s' takes no value".formatted(name)
                            : "'%s' needs a value: %s=%s".formatted(name, name, key.label()));
        }
        if (values.put(key, equals < 0 ? "" : item.substring(equals + 1)) != null) {
            throw wrong(text, "'%s' is there twice".formatted(name));
        }
    }

    private static DiskKey find(String name, String text) {
        for (var key : DiskKey.values()) {
            if (key.key().equals(name)) {
                return key;
            }
        }
        var near =
                Arrays.stream(DiskKey.values())
                        .map(DiskKey::key)
                        .filter(key -> Spelling.isNear(name, key))
                        .min((a, b) -> Spelling.edits(name, a) - Spelling.edits(name, b));
        throw wrong(
                text,
                name.isEmpty()
                        ? "a key is missing, as in file=disk.img,size=10G"
                        : "there is no '%s'%s"
                                .formatted(
                                        name,
                                        near.map(key -> ": did you mean " + key + "?").orElse("")));
    }

    private static UserError wrong(String text, String what) {
        return new UserError("--namespace %s: %s".formatted(text, what));
    }
}
