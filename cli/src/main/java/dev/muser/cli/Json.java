package dev.muser.cli;

import tools.jackson.jr.ob.JSON;

/** What {@code --json} prints: maps, lists, strings, numbers, booleans. */
public final class Json {
    private Json() {}

    public static String print(Object value) {
        return JSON.std.with(JSON.Feature.PRETTY_PRINT_OUTPUT).asString(value);
    }
}
