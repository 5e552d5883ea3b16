package dev.muser.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.muser.linux.EventFd;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * Fails a test that leaves sockets, memory files, eventfds, pipes or mappings of memory files
 * behind. Files and jars are not counted: the JVM opens those when it likes.
 */
final class Leaks implements BeforeEachCallback, AfterEachCallback {
    static {
        // The first signal of a process makes a memory file that stays.
        try (var fd = EventFd.create()) {
            EventFd.signal(fd);
        }
    }

    private Map<String, Integer> before = Map.of();

    @Override
    public void beforeEach(ExtensionContext context) {
        before = count();
    }

    @Override
    public void afterEach(ExtensionContext context) throws InterruptedException {
        // Closing is asynchronous: a loop's thread may still be about it.
        for (int i = 0; i < 200 && !count().equals(before); i++) {
            Thread.sleep(10);
        }
        assertThat(count()).as("open descriptors and mappings after the test").isEqualTo(before);
    }

    static Map<String, Integer> count() {
        var counts = new TreeMap<String, Integer>();
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
                if (line.contains("/memfd:")) {
                    counts.merge("mapping", 1, Integer::sum);
                }
            }
        } catch (IOException e) {
            throw new AssertionError(e);
        }
        return counts;
    }

    private static String kind(String target) {
        for (var kind : new String[] {"socket:", "anon_inode:", "/memfd:", "pipe:"}) {
            if (target.startsWith(kind)) {
                return kind.equals("anon_inode:") ? target : kind;
            }
        }
        return "";
    }
}
