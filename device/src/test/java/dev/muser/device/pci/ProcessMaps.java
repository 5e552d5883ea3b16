package dev.muser.device.pci;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** What this process has open and mapped, as the kernel sees it. */
final class ProcessMaps {
    private ProcessMaps() {}

    /** Returns how many mappings there are of files whose name contains {@code name}. */
    static long of(String name) {
        try (var lines = Files.lines(Path.of("/proc/self/maps"))) {
            return lines.filter(line -> line.contains(name)).count();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Returns how many descriptors of files are open whose name contains {@code name}. */
    static long descriptors(String name) {
        try (var files = Files.list(Path.of("/proc/self/fd"))) {
            return files.filter(file -> target(file).contains(name)).count();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String target(Path link) {
        try {
            return Files.readSymbolicLink(link).toString();
        } catch (IOException e) {
            return ""; // the descriptor that lists the folder, closed by now
        }
    }
}
