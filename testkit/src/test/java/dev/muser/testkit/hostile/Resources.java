package dev.muser.testkit.hostile;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * What this process has, as the kernel counts it.
 *
 * @param descriptors how many of each kind are open, without the files that the JVM opens when it
 *     likes
 * @param mappings how many mappings there are of memory files, files of tests and rings
 * @param mappedBytes how long these are together
 */
record Resources(Map<String, Integer> descriptors, int mappings, long mappedBytes) {
    /** What tests send of the folders that the JVM opens files of; N is a process. */
    private static final Set<String> SENT = Set.of("/dev/zero", "/proc/N/status");

    private static final String TEMPORARY = System.getProperty("java.io.tmpdir") + "/";

    static Resources now() {
        var counts = new TreeMap<String, Integer>();
        int mappings = 0;
        long bytes = 0;
        try (var fds = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
            for (var fd : fds) {
                try {
                    var kind = kind(Files.readSymbolicLink(fd).toString());
                    if (!kind.isEmpty()) {
                        counts.merge(kind, 1, Integer::sum);
                    }
                } catch (IOException e) {
                    // the descriptor that reads this folder
                }
            }
            for (var line : Files.readAllLines(Path.of("/proc/self/maps"))) {
                if (isCounted(line)) {
                    int dash = line.indexOf('-');
                    mappings++;
                    bytes +=
                            Long.parseUnsignedLong(line, dash + 1, line.indexOf(' '), 16)
                                    - Long.parseUnsignedLong(line, 0, dash, 16);
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return new Resources(counts, mappings, bytes);
    }

    Resources plus(Resources other) {
        return sum(other, 1);
    }

    Resources minus(Resources other) {
        return sum(other, -1);
    }

    private Resources sum(Resources other, int sign) {
        var counts = new TreeMap<>(descriptors);
        other.descriptors.forEach((kind, n) -> counts.merge(kind, sign * n, Integer::sum));
        counts.values().removeIf(n -> n == 0);
        return new Resources(
                counts, mappings + sign * other.mappings, mappedBytes + sign * other.mappedBytes);
    }

    /** The name of what is mapped is the last column. */
    private static boolean isCounted(String line) {
        return line.contains("(deleted)") // memory files have no name in the file system
                || line.contains(" " + TEMPORARY)
                || line.contains("io_uring");
    }

    private static String kind(String target) {
        var name = target.replaceFirst("^/proc/\\d+/", "/proc/N/");
        if (SENT.contains(name)) {
            return name;
        }
        if (target.endsWith(".jar") || target.endsWith(".class") || target.endsWith("/modules")) {
            return "";
        }
        if (target.startsWith("/proc/")
                || target.startsWith("/dev/")
                || target.contains("/target/")) {
            return "";
        }
        int colon = target.indexOf(":[");
        return colon < 0 || target.startsWith("anon_inode") ? target : target.substring(0, colon);
    }

    /** Returns how many bytes of the heap are used by what is reachable. */
    static long heap() {
        System.gc();
        var runtime = Runtime.getRuntime();
        return runtime.totalMemory() - runtime.freeMemory();
    }
}
