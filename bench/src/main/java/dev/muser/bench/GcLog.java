package dev.muser.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;

/** The log of a JVM's pauses, as {@link #option} has it written. */
final class GcLog {
    private static final Pattern COLLECTION = Pattern.compile("Pause .* ([0-9.]+)ms");
    private static final Pattern SAFEPOINT = Pattern.compile("Safepoint .*Total: +([0-9]+) ns");
    private static final double NANOS_PER_MS = 1e6;

    private final Path file;

    /** Pauses in milliseconds. */
    record Pauses(int collections, double longestCollection, double longestSafepoint) {}

    GcLog(Path file) {
        this.file = file;
    }

    /** Returns the option for the JVM. */
    String option() {
        return "-Xlog:gc,safepoint:file=%s:uptime:filecount=0".formatted(file);
    }

    /** Returns how many lines there are. */
    int size() {
        return lines().size();
    }

    /** Returns what is there after so many lines. */
    Pauses since(int line) {
        int collections = 0;
        double collection = 0;
        double safepoint = 0;
        var lines = lines();
        for (var text : lines.subList(Math.min(line, lines.size()), lines.size())) {
            var matcher = COLLECTION.matcher(text);
            if (matcher.find()) {
                collections++;
                collection = Math.max(collection, Double.parseDouble(matcher.group(1)));
            }
            matcher = SAFEPOINT.matcher(text);
            if (matcher.find()) {
                safepoint = Math.max(safepoint, Long.parseLong(matcher.group(1)) / NANOS_PER_MS);
            }
        }
        return new Pauses(collections, collection, safepoint);
    }

    private List<String> lines() {
        try {
            return Files.readAllLines(file);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + file, e);
        }
    }
}
