package dev.muser.devices.storage;

import dev.muser.linux.EventFd;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** What of files, rings and eventfds this process has open. */
final class OpenFiles {
    static {
        // by what it signals eventfds is open for good, from the first signal on
        try (var event = EventFd.create()) {
            EventFd.signal(event);
        }
    }

    private OpenFiles() {}

    static List<String> list() {
        var found = new ArrayList<String>();
        try (var files = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
            for (var file : files) {
                try {
                    var target = Files.readSymbolicLink(file).toString();
                    if (target.matches(".*(image|io_uring|eventfd|guest).*")) {
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
