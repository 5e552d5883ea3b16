package dev.muser.server;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import org.jspecify.annotations.Nullable;

/** Lets ten lines a second through, so that no client fills a disk. */
final class LogLimit {
    private static final int PER_SECOND = 10;

    /** Made with the first line: to find a logger takes a tenth of a server's start. */
    private static final class Lazy {
        static final Logger LOG = System.getLogger("dev.muser.server");
    }

    private long second;
    private int lines;

    /** Logs what a client or a device has caused. Never throws: no line is worth a loop. */
    void log(Level level, String message, @Nullable Throwable thrown) {
        try {
            if (Lazy.LOG.isLoggable(level) && allows()) {
                Lazy.LOG.log(level, message, thrown);
            }
        } catch (Throwable t) {
            // Without descriptors or memory java.util.logging fails too.
        }
    }

    private boolean allows() {
        long now = System.nanoTime() / 1_000_000_000;
        if (now != second) {
            second = now;
            lines = 0;
        }
        return ++lines <= PER_SECOND;
    }
}
