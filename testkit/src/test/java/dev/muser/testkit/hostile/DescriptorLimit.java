package dev.muser.testkit.hostile;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.linux.OpenFiles;
import java.io.IOException;

/** A lower limit of this process's descriptors, while it is open ({@code RLIMIT_NOFILE}). */
final class DescriptorLimit implements AutoCloseable {
    private final long before = OpenFiles.limit();

    private DescriptorLimit() {}

    static DescriptorLimit of(int limit) {
        var lower = new DescriptorLimit();
        set(limit);
        return lower;
    }

    private static void set(long soft) {
        try {
            var process =
                    new ProcessBuilder(
                                    "prlimit",
                                    "--pid",
                                    Long.toString(ProcessHandle.current().pid()),
                                    "--nofile=" + soft + ":")
                            .inheritIO()
                            .start();
            assertThat(process.waitFor()).as("exit of prlimit, of util-linux").isZero();
        } catch (IOException | InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @Override
    public void close() {
        set(before);
    }
}
