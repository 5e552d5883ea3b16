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

    private JavaCommand() {}

    /** Returns the command line of another {@code muser} with these arguments. */
    static List<String> muser(String... arguments) {
        var command = own();
        command.addAll(List.of(arguments));
        return command;
    }

    /**
     * As the kernel has it: {@code java}, the JVM's options, the main class, then the arguments.
     */
    private static List<String> own() {
        String text;
        try {
            text = Files.readString(Path.of("/proc/self/cmdline"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        var command = new ArrayList<String>();
        for (var word : text.split("\0", -1)) {
            if (!word.startsWith("-XX:AOTCacheOutput")) {
                command.add(word);
            }
            if (word.equals(MAIN) || word.endsWith("/" + MAIN)) {
                command.set(0, java());
                return command;
            }
        }
        return embedded();
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
