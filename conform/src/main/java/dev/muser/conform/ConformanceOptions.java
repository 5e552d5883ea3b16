package dev.muser.conform;

import java.nio.file.FileSystems;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/**
 * What is run, and how patiently.
 *
 * @param timeout how long one case may wait for the server, all in all
 * @param only globs of cases: {@code dma-map/*}, {@code *}{@code /argsz*}, or a section's name;
 *     empty for all
 * @param oneConnection leave out the cases that need a connection of their own, for a server that
 *     ends with its client
 */
public record ConformanceOptions(Duration timeout, List<String> only, boolean oneConnection) {
    /** All cases, five seconds each: what QEMU waits for a reply. */
    public static final ConformanceOptions DEFAULTS =
            new ConformanceOptions(Duration.ofSeconds(5), List.of(), false);

    public ConformanceOptions {
        only = List.copyOf(only);
    }

    /** Whether a case is among those to run. */
    public boolean selects(Case which) {
        return only.isEmpty() || only.stream().anyMatch(glob -> matches(glob, which));
    }

    /** Whether a glob means a case. */
    public static boolean matches(String glob, Case which) {
        return glob.equals(which.section())
                || FileSystems.getDefault()
                        .getPathMatcher("glob:" + glob)
                        .matches(Path.of(which.id()));
    }
}
