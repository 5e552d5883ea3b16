package dev.muser.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Whether a person looks at what is printed. */
final class Terminal {
    private Terminal() {}

    /** Whether standard output is a terminal that shows colours, and they are not turned off. */
    static boolean hasColours() {
        var off = System.getenv("NO_COLOR"); // https://no-color.org: present and not empty
        return (off == null || off.isEmpty())
                && !"dumb".equals(System.getenv("TERM"))
                && isTerminal(1);
    }

    /** Whether a line that was printed can be changed. */
    static boolean isOutput() {
        return !"dumb".equals(System.getenv("TERM")) && isTerminal(1);
    }

    private static boolean isTerminal(int descriptor) {
        try {
            var file = Files.readSymbolicLink(Path.of("/proc/self/fd/" + descriptor)).toString();
            return file.startsWith("/dev/pts/")
                    || file.startsWith("/dev/tty")
                    || file.equals("/dev/console");
        } catch (IOException e) {
            return false;
        }
    }
}
