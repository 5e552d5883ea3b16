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
    private static final String KEEPER = "dev.muser.keeper";
    private static final String CACHE = "-XX:AOTCache=";

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
     * Returns that of a keeper, which starts another {@code muser} with these arguments, as the
     * script does for {@code --keep}.
     *
     * @param options the keeper's
     */
    static List<String> kept(List<String> options, String... arguments) {
        var keeper = own();
        var device = muser(arguments);
        var main = keeper.removeLast();
        keeper.add(main.equals(MAIN) ? KEEPER + ".Main" : KEEPER + "/" + KEEPER + ".Main");
        keeper.replaceAll(word -> cacheOf("keeper", word));
        device.replaceAll(word -> cacheOf("nvme", word));
        keeper.addAll(options);
        keeper.add("--");
        keeper.addAll(device);
        return keeper;
    }

    /** Each part of the command has a cache of its own. */
    private static String cacheOf(String part, String word) {
        if (!word.startsWith(CACHE)) {
            return word;
        }
        var cache = Path.of(word.substring(CACHE.length())).resolveSibling(part + ".aot");
        return Files.exists(cache) ? CACHE + cache : word;
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

    /** Returns the words before the main class, as this process was started with. */
    static List<String> jvmOptions() {
        var all = words();
        return all.subList(0, Math.max(0, mainClass(all)));
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
