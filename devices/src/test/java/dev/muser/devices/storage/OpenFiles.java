package dev.muser.devices.storage;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** What this process has open, but for what the JVM opens by itself and keeps. */
final class OpenFiles {
    private OpenFiles() {}

    static List<String> list() {
        var found = new ArrayList<String>();
        try (var files = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
            for (var file : files) {
                try {
                    var target = Files.readSymbolicLink(file).toString();
                    if (target.matches(".*(image|io_uring|eventfd|guest).*")
                            && !target.contains("muser-signal")) {
                        found.add(file.getFileName() + " " + target);
                    }
                } catch (IOException e) {
                    // closed in between
                }
            }
        } catch (IOException e) {
            throw new AssertionError(e);
        }
        return found;
    }
}
