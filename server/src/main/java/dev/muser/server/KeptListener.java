package dev.muser.server;

import dev.muser.linux.Fd;
import dev.muser.linux.UnixListener;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Finds the socket at which a process before this one listened, or makes a new one. */
final class KeptListener {
    private static final String LISTENER = "listen";

    private KeptListener() {}

    /**
     * Opens it.
     *
     * @param path where it is, or is made
     */
    static UnixListener open(Path path, Keeping keeping) {
        var given = keeping.listening();
        if (given != null) {
            return adopt(given, null);
        }
        var store = keeping.store();
        var kept = store.get(LISTENER);
        if (kept != null) {
            return adopt(kept, path);
        }
        var bound = UnixListener.bind(path, Acceptor.BACKLOG);
        try {
            store.put(LISTENER, bound.fd());
        } catch (RuntimeException e) {
            bound.close();
            throw e;
        }
        return bound;
    }

    private static UnixListener adopt(Fd socket, @Nullable Path path) {
        try {
            return UnixListener.adopt(socket, path);
        } catch (RuntimeException e) {
            socket.close();
            throw e;
        }
    }
}
