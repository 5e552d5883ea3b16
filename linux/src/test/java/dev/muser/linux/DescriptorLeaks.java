package dev.muser.linux;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/** Fails a test that leaves a descriptor open, and says which. */
public final class DescriptorLeaks implements BeforeEachCallback, AfterEachCallback {
    private static final ExtensionContext.Namespace HERE =
            ExtensionContext.Namespace.create(DescriptorLeaks.class);

    @Override
    public void beforeEach(ExtensionContext context) {
        try (var warm = EventFd.create()) {
            // what the library and the JVM open once and keep
            EventFd.signal(warm);
            EventFd.is(warm);
        }
        context.getStore(HERE).put("open", open());
    }

    @Override
    public void afterEach(ExtensionContext context) {
        var before = Objects.requireNonNull(context.getStore(HERE).get("open", Map.class));
        var left = open();
        left.keySet().removeAll(before.keySet());
        // the JVM opens class files and sources of random numbers by itself, and keeps them
        left.values().removeIf(name -> name.endsWith(".jar") || name.endsWith("random"));
        if (!left.isEmpty()) {
            throw new AssertionError("descriptors left open: " + left);
        }
    }

    /** Returns the open descriptors of this process, by number, and what they are. */
    static Map<Integer, String> open() {
        var found = new TreeMap<Integer, String>();
        try (var files = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
            for (var file : files) {
                try {
                    var target = Files.readSymbolicLink(file).toString();
                    if (!target.matches("/proc/\\d+/fd")) { // the listing itself
                        found.put(Integer.parseInt(file.getFileName().toString()), target);
                    }
                } catch (IOException e) {
                    // closed in between
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return found;
    }
}
