package dev.muser.keeper;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** Who has started whom: {@code /proc/PID/stat}. */
final class Ancestry {
    private static final int DEEPEST = 64;

    private Ancestry() {}

    /** Whether {@code pid} has been started by {@code ancestor}, or by one that was, and so on. */
    static boolean isBelow(long pid, long ancestor) {
        long at = pid;
        for (int i = 0; i < DEEPEST && at > 1; i++) {
            at = parent(at);
            if (at == ancestor) {
                return true;
            }
        }
        return false;
    }

    /** Returns the parent's number, 0 when there is none. */
    private static long parent(long pid) {
        try {
            var file = Path.of("/proc/".concat(Long.toString(pid)).concat("/stat"));
            var text = Files.readString(file, StandardCharsets.ISO_8859_1);
            // pid (name) state parent ...; a name may have anything, also parentheses
            int at = text.lastIndexOf(')') + 4;
            return Long.parseLong(text.substring(at, text.indexOf(' ', at)));
        } catch (IOException | IndexOutOfBoundsException | NumberFormatException e) {
            return 0;
        }
    }
}
