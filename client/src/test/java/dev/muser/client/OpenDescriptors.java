package dev.muser.client;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** How many descriptors this process has open: to find those that leak. */
public final class OpenDescriptors {
    private OpenDescriptors() {}

    static long count() {
        try (var list = Files.list(Path.of("/proc/self/fd"))) {
            return list.count();
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    /** Runs it once to load what it needs, then again, and compares. */
    public static void assertNoneLeak(Runnable task) {
        task.run();
        long before = count();
        task.run();
        assertThat(count()).as("open descriptors").isEqualTo(before);
    }
}
