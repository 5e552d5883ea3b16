package dev.muser.conform;

import dev.muser.linux.Errno;
import dev.muser.linux.SyscallException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;

/** Opens connections to the server, also one that listens again only after a while. */
final class Connector {
    private static final long PAUSE_NANOS = 20_000_000;

    private final Path socket;
    private final Duration timeout;

    Connector(Path socket, Duration timeout) {
        this.socket = socket;
        this.timeout = timeout;
    }

    Duration timeout() {
        return timeout;
    }

    /**
     * Connects, trying again while nobody listens.
     *
     * @throws SyscallException when nobody does in the time given
     */
    Wire connect() {
        long deadline = System.nanoTime() + timeout.toNanos();
        while (true) {
            try {
                return Wire.connect(socket, timeout);
            } catch (SyscallException e) {
                boolean mayCome = e.errno() == Errno.ENOENT || e.errno() == Errno.ECONNREFUSED;
                if (!mayCome || System.nanoTime() > deadline) {
                    throw e;
                }
                LockSupport.parkNanos(PAUSE_NANOS);
            }
        }
    }

    /** Connects once. */
    Wire connectNow() {
        return Wire.connect(socket, timeout);
    }
}
