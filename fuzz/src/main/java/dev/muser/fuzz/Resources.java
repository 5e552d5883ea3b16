package dev.muser.fuzz;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** How many descriptors and mappings of memory files this process has: no input may leave any. */
final class Resources {
    private static final File DESCRIPTORS = new File("/proc/self/fd");

    /** Looking at mappings takes longer than most inputs: once in so many. */
    private static final int EVERY = 256;

    private final int descriptors = descriptors();
    private final long mappings = mappings();
    private int inputs;

    static int descriptors() {
        var names = DESCRIPTORS.list();
        if (names == null) {
            throw new UncheckedIOException(new IOException("/proc/self/fd cannot be listed"));
        }
        return names.length;
    }

    static long mappings() {
        try (var lines = Files.lines(Path.of("/proc/self/maps"))) {
            return lines.filter(line -> line.contains("/memfd:")).count();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Whether there are as many descriptors as there were. */
    boolean isAsBefore() {
        return descriptors() == descriptors;
    }

    /** An input has been dealt with. */
    void check() {
        int now = descriptors();
        if (now != descriptors) {
            throw new Finding("%d descriptors, and %d before".formatted(now, descriptors));
        }
        if (++inputs % EVERY == 0) {
            checkMappings();
        }
    }

    void checkMappings() {
        long now = mappings();
        if (now != mappings) {
            throw new Finding(
                    "%d mappings of memory files, and %d before".formatted(now, mappings));
        }
    }
}
