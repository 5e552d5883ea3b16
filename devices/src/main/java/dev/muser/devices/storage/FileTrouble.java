package dev.muser.devices.storage;

import dev.muser.linux.Errno;
import java.nio.file.Path;
import java.util.Locale;

/** Tells the operator of a file that fails, once a minute at most. On the loop's thread. */
final class FileTrouble {
    private static final System.Logger LOG = System.getLogger(FileTrouble.class.getName());
    private static final long PAUSE = 60_000_000_000L;

    private final Path path;
    private long untold;
    private long told;

    FileTrouble(Path path) {
        this.path = path;
    }

    /** Takes note of what a request failed with. */
    void note(Transfer.Call call, long position, int errno) {
        boolean isOurs =
                switch (errno) {
                    case Errno.EIO, Errno.ENOSPC, Errno.EDQUOT, Errno.EROFS, Errno.EFBIG -> true;
                    default -> false; // the client's memory, or given up
                };
        if (!isOurs) {
            return;
        }
        long now = System.nanoTime();
        if (told != 0 && now - told < PAUSE) {
            untold++;
            return;
        }
        LOG.log(
                System.Logger.Level.ERROR,
                "%s: %s at byte %d failed: %s%s"
                        .formatted(
                                path,
                                call.name().toLowerCase(Locale.ROOT),
                                position,
                                errno == Errno.ENOSPC
                                        ? "no space left on its file system"
                                        : Errno.describe(errno),
                                untold == 0 ? "" : "; and " + untold + " more before"));
        told = now == 0 ? 1 : now;
        untold = 0;
    }
}
