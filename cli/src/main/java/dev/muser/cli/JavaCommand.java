package dev.muser.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** How to start this program once more, in the way that this process was. */
final class JavaCommand {
    private static final String MAIN = Main.class.getName();

    /** Set in the environment by the script: where it is. */
    private static final String SCRIPT = "MUSER_SCRIPT";

    private JavaCommand() {}

    /** Returns the command line of another {@code muser} with these arguments. */
    static List<String> muser(String... arguments) {
        var command = own();
        command.addAll(List.of(arguments));
        return command;
    }

    /**
     * Returns the command line of what this process is, of the newest build: by the script that
     * started it, where one did.
     */
    static List<String> again() {
        var all = words();
        int main = mainClass(all);
        var arguments = main < 0 ? List.<String>of() : all.subList(main + 1, all.size());
        var command = new ArrayList<String>();
        var script = System.getenv(SCRIPT);
        if (script == null) {
            command.addAll(own());
        } else {
            command.add(script);
        }
        command.addAll(arguments);
        return command;
    }

    /**
     * As the kernel has it: {@code java}, the JVM's options, the main class, then the arguments.
     */
    private static List<String> own() {
        var all = words();
        int main = mainClass(all);
        if (main < 0) {
            return embedded();
        }
        var command = new ArrayList<>(all.subList(0, main + 1));
        command.removeIf(word -> word.startsWith("-XX:AOTCacheOutput"));
        command.set(0, java());
        return command;
    }

    private static List<String> words() {
        try {
            var text = Files.readString(Path.of("/proc/self/cmdline"));
            return List.of(text.substring(0, Math.max(0, text.length() - 1)).split("\0", -1));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static int mainClass(List<String> words) {
        for (int i = 0; i < words.size(); i++) {
            if (words.get(i).equals(MAIN) || words.get(i).endsWith("/" + MAIN)) {
                return i;
            }
        }
        return -1;
    }

    /** When something else runs this class, such as a test or an IDE. */
    private static List<String> embedded() {
        var path = new ArrayList<String>();
        for (var name : List.of("jdk.module.path", "java.class.path")) {
            var value = System.getProperty(name, "");
            if (!value.isEmpty()) {
                path.add(value);
            }
        }
        return new ArrayList<>(
                List.of(
                        java(),
                        "-XX:+UseSerialGC",
                        "--enable-native-access=ALL-UNNAMED",
                        "-cp",
                        String.join(":", path),
                        MAIN));
    }

    private static String java() {
        return Path.of(System.getProperty("java.home"), "bin", "java").toString();
    }
}
