package dev.muser.linux;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A UNIX stream socket that waits for clients at a path. */
public final class UnixListener implements AutoCloseable {
    private static final int SO_ACCEPTCONN = 30;

    private final Fd fd;
    private final @Nullable Path path;
    private final @Nullable Object fileKey;

    private UnixListener(Fd fd, @Nullable Path path, @Nullable Object fileKey) {
        this.fd = fd;
        this.path = path;
        this.fileKey = fileKey;
    }

    /**
     * Listens at {@code path}, with mode 0600, ready for clients at the moment the path appears: it
     * is bound under another name and renamed into place. A socket file that nobody listens on any
     * more is replaced.
     *
     * @param backlog clients that may wait to be accepted
     * @throws SyscallException EADDRINUSE when a live server is there, EEXIST when the path is not
     *     a socket, EACCES and ENOENT for a folder that cannot be written or is not there,
     *     ENAMETOOLONG
     */
    public static UnixListener bind(Path path, int backlog) {
        refuseLiveOrForeign(path);
        var fd = UnixSocket.create();
        try (var arena = Arena.ofConfined();
                var folder = folder(path, arena)) {
            SocketAddress.of(path, arena); // refuses a long path by its own name
            var temporary = temporaryName(folder);
            Syscall.check(
                    "bind " + path,
                    Syscall.call(
                            Syscall.BIND,
                            fd.number(),
                            SocketAddress.of(temporary, arena).address(),
                            SocketAddress.SIZE));
            try {
                var from = cString(temporary, arena);
                Syscall.check("chmod " + path, Syscall.call(Syscall.CHMOD, from.address(), 0600));
                Syscall.check("listen", Syscall.call(Syscall.LISTEN, fd.number(), backlog));
                Syscall.check(
                        "rename to " + path,
                        Syscall.call(
                                Syscall.RENAME, from.address(), cString(path, arena).address()));
            } catch (SyscallException e) {
                Syscall.call(Syscall.UNLINK, cString(temporary, arena).address());
                throw e;
            }
            fd.nonBlocking(true);
            return new UnixListener(fd, path, fileKey(path));
        } catch (SyscallException e) {
            fd.close();
            throw e;
        }
    }

    /**
     * Takes ownership of a socket that listens already, such as one inherited from a parent.
     *
     * @throws SyscallException ENOTSOCK when it is not a UNIX stream socket that listens; the
     *     descriptor stays the caller's
     */
    public static UnixListener adopt(Fd fd) {
        return adopt(fd, null);
    }

    /** As {@link #adopt(Fd)}, and removes the socket file at {@code path} when it is closed. */
    public static UnixListener adopt(Fd fd, @Nullable Path path) {
        UnixSocket.requireUnixStream(fd);
        if (!isListening(fd)) {
            throw new SyscallException("use " + fd + " as listening socket", Errno.ENOTSOCK);
        }
        fd.nonBlocking(true);
        return new UnixListener(fd, path, path == null ? null : fileKey(path));
    }

    /** Whether a UNIX stream socket listens, and is not connected. */
    public static boolean isListening(Fd fd) {
        return UnixSocket.intOption(fd, SO_ACCEPTCONN) == 1;
    }

    /** Returns the next client, or null when none waits or the one that did is gone. */
    public @Nullable UnixSocket accept() {
        long client =
                Syscall.call(Syscall.ACCEPT4, fd.number(), 0, 0, UnixSocket.SOCK_CLOEXEC, 0, 0);
        if (client == -Errno.EAGAIN || client == -Errno.EINTR || client == -103) { // ECONNABORTED
            return null;
        }
        return new UnixSocket(Fd.own(Syscall.check("accept4", client)));
    }

    public Fd fd() {
        return fd;
    }

    /** Stops listening and removes the socket file, unless another server has replaced it. */
    @Override
    public void close() {
        if (!fd.isOpen()) {
            return;
        }
        if (path != null && fileKey != null && fileKey.equals(fileKey(path))) {
            try {
                Files.deleteIfExists(path);
            } catch (IOException e) {
                // the folder is gone or no longer ours: nothing is left to tidy
            }
        }
        fd.close();
    }

    private static void refuseLiveOrForeign(Path path) {
        if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        boolean isSocket;
        try {
            isSocket =
                    Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS)
                            .isOther();
        } catch (IOException e) {
            throw new SyscallException("stat " + path, Errno.EACCES);
        }
        if (!isSocket) {
            throw new SyscallException(
                    "listen at " + path + ", which is not a socket", Errno.EEXIST);
        }
        if (isLive(path)) {
            throw new SyscallException(
                    "listen at " + path + ", where a server is running", Errno.EADDRINUSE);
        }
    }

    /** Whether somebody listens there. Does not wait when that server's queue is full. */
    private static boolean isLive(Path path) {
        try (var probe = UnixSocket.create();
                var arena = Arena.ofConfined()) {
            probe.nonBlocking(true);
            long result =
                    Syscall.call(
                            Syscall.CONNECT,
                            probe.number(),
                            SocketAddress.of(path, arena).address(),
                            SocketAddress.SIZE);
            if (result == -Errno.ECONNREFUSED || result == -Errno.ENOENT) {
                return false;
            }
            return result == -Errno.EAGAIN || Syscall.check("connect " + path, result) == 0;
        }
    }

    /** Opens the folder of {@code path}, as a place in the file system only. */
    private static Fd folder(Path path, Arena arena) {
        var parent = path.getParent();
        var name = parent == null ? Path.of(".") : parent;
        return Fd.own(
                Syscall.check(
                        "open " + name,
                        Syscall.call(
                                Syscall.OPENAT,
                                -100, // AT_FDCWD
                                cString(name, arena).address(),
                                0x290000, // O_PATH | O_DIRECTORY | O_CLOEXEC
                                0,
                                0,
                                0)));
    }

    /** A name in {@code folder} that fits into an address however long the folder's own name is. */
    private static Path temporaryName(Fd folder) {
        var unique =
                "."
                        + Long.toString(ProcessHandle.current().pid(), 36)
                        + Long.toString(System.nanoTime() & 0xffff, 36);
        return Path.of("/proc/self/fd", Integer.toString(folder.number()), unique);
    }

    private static @Nullable Object fileKey(Path path) {
        try {
            Map<String, Object> attributes =
                    Files.readAttributes(path, "unix:dev,ino", LinkOption.NOFOLLOW_LINKS);
            return attributes;
        } catch (IOException e) {
            return null;
        }
    }

    private static MemorySegment cString(Path path, Arena arena) {
        return arena.allocateFrom(path.toString(), StandardCharsets.UTF_8);
    }
}
