package dev.muser.client;

import dev.muser.linux.Errno;
import dev.muser.linux.SyscallException;
import dev.muser.linux.UnixSocket;
import java.nio.file.Path;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Gets a connected socket, for each session one. */
final class Connector {
    private static final long RETRY_NANOS = 5_000_000;

    private Connector() {}

    /** Connects, waiting for the socket to appear as long as {@code options} say. */
    static UnixSocket connect(Path path, ClientOptions options) {
        long deadline = System.nanoTime() + options.appearance().toNanos();
        while (true) {
            try {
                return UnixSocket.connect(path, options.timeout());
            } catch (SyscallException e) {
                boolean absent = e.errno() == Errno.ENOENT || e.errno() == Errno.ECONNREFUSED;
                if (!absent || System.nanoTime() - deadline >= 0) {
                    throw e;
                }
            }
            LockSupport.parkNanos(RETRY_NANOS);
        }
    }

    /** A socket that was connected by somebody else, good for one session. */
    static final class Once implements Supplier<UnixSocket> {
        private @Nullable UnixSocket socket;

        Once(UnixSocket socket) {
            this.socket = socket;
        }

        @Override
        public UnixSocket get() {
            var result = socket;
            if (result == null) {
                throw new DisconnectedException(
                        "the socket was given connected, and its session is over: connect anew");
            }
            socket = null;
            return result;
        }
    }
}
