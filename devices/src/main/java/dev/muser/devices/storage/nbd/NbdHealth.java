package dev.muser.devices.storage.nbd;

import java.lang.System.Logger.Level;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Whether the server is there, and the lines of the log that say so: one when a connection is lost,
 * one when it is back. Under the lock of the links.
 */
final class NbdHealth {
    private static final System.Logger LOG = System.getLogger("dev.muser.devices.storage");

    private final String server;
    private final Duration reconnectTime;

    private int up;
    private int lost;

    /** The log says that a connection is lost, and not that it is back. */
    private boolean told;

    private long downSince;
    private boolean gaveUp;
    private @Nullable String failure;

    NbdHealth(String server, Duration reconnectTime) {
        this.server = server;
        this.reconnectTime = reconnectTime;
    }

    /** A connection is there, for the {@code first} time or again. */
    void connected(boolean first) {
        up++;
        gaveUp = false;
        if (!first) {
            lost--;
        }
        if (told && (lost == 0 || up == 1)) {
            told = false;
            LOG.log(Level.INFO, "NBD {0}: connected again", server);
        }
    }

    void lost(String reason, boolean tell) {
        up--;
        lost++;
        if (up == 0) {
            downSince = System.nanoTime();
        }
        if (tell && !told && failure == null) {
            told = true;
            LOG.log(
                    Level.WARNING,
                    "NBD {0}: connection lost ({1}); requests wait for it, up to {2}",
                    server,
                    reason,
                    words(reconnectTime));
        }
    }

    /** Whether the server has been away for too long, so that requests that wait fail. */
    boolean isAwayTooLong(long now) {
        if (up > 0 || now - downSince < reconnectTime.toNanos()) {
            return false;
        }
        if (!gaveUp && failure == null) {
            gaveUp = true;
            LOG.log(
                    Level.ERROR,
                    "NBD {0}: away for {1}; requests fail until it is back",
                    server,
                    words(reconnectTime));
        }
        return true;
    }

    /** All requests fail from now on. */
    void failed(String why) {
        if (failure == null) {
            failure = why;
            LOG.log(
                    Level.ERROR,
                    "NBD {0}: {1}; all requests fail, until the disk is opened anew",
                    server,
                    why);
        }
    }

    boolean hasFailed() {
        return failure != null;
    }

    /** Whether a request that finds no connection fails at once. */
    boolean hasGivenUp() {
        return gaveUp;
    }

    static String words(Duration time) {
        return time.toMillis() % 1000 == 0 ? time.toSeconds() + " s" : time.toMillis() + " ms";
    }
}
