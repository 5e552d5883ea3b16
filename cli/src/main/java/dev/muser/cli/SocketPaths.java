package dev.muser.cli;

import dev.muser.linux.Errno;
import dev.muser.linux.SyscallException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;

/** The paths of sockets that a command line names. */
final class SocketPaths {
    /** {@code sun_path} has 108 bytes, the last of which is zero. */
    private static final int MOST = 107;

    /** The bits of a file's mode that say what it is, and those of a socket ({@code inode(7)}). */
    private static final int S_IFMT = 0xf000;

    private static final int S_IFSOCK = 0xc000;

    private SocketPaths() {}

    /**
     * Returns {@code path}, or for several devices {@code path.0} and so on.
     *
     * @throws UserError when one of them cannot be a socket's
     */
    static List<Path> of(Path path, int count) {
        var paths =
                count == 1
                        ? List.of(path)
                        : IntStream.range(0, count)
                                .mapToObj(i -> path.resolveSibling(path.getFileName() + "." + i))
                                .toList();
        check(paths.getLast()); // the longest
        return paths;
    }

    /**
     * @throws UserError when {@code path} is too long for a socket
     */
    static void check(Path path) {
        if (path.toString().isEmpty() || path.getFileName() == null) {
            throw new UserError("'" + path + "' is not the path of a socket");
        }
        if (!fits(path)) {
            throw new UserError(
                    "the socket's path has %d bytes, and Linux allows %d: choose a shorter one than %s"
                            .formatted(length(path), MOST, path));
        }
    }

    /** Whether {@code path} is short enough for a socket. */
    static boolean fits(Path path) {
        return length(path) <= MOST;
    }

    private static int length(Path path) {
        return path.toString().getBytes(StandardCharsets.UTF_8).length;
    }

    /** Says why nobody can listen at {@code path}, and what to do. */
    static UserError cannotListen(Path path, SyscallException e) {
        var folder = folder(path);
        return new UserError(
                switch (e.errno()) {
                    case Errno.EADDRINUSE ->
                            "a server is running at %s: stop it, or choose another path"
                                    .formatted(path);
                    case Errno.EEXIST ->
                            "%s exists and is not a socket: remove it, or choose another path"
                                    .formatted(path);
                    case Errno.ENOENT, Errno.ENOTDIR ->
                            Files.isDirectory(folder)
                                    ? "cannot listen at %s: %s".formatted(path, e.getMessage())
                                    : Files.exists(folder)
                                            ? "%s is not a folder: choose another path"
                                                    .formatted(folder)
                                            : "the folder %s is not there: create it, or choose another path"
                                                    .formatted(folder);
                    case Errno.EACCES, Errno.EPERM ->
                            Files.isWritable(folder)
                                    ? "the socket at %s belongs to another user: choose another path"
                                            .formatted(path)
                                    : "the folder %s cannot be written by this user"
                                            .formatted(folder);
                    case Errno.EROFS ->
                            "the folder %s is on a read-only file system".formatted(folder);
                    case Errno.EMFILE ->
                            "no descriptors left at %s: raise the limit ('ulimit -n'), or serve fewer devices"
                                    .formatted(path);
                    default -> "cannot listen at %s: %s".formatted(path, e.getMessage());
                });
    }

    /** Says why nobody answers at {@code path}, and what to do. */
    static UserError cannotConnect(Path path, SyscallException e) {
        return new UserError(
                switch (e.errno()) {
                    case Errno.ENOENT, Errno.ENOTDIR ->
                            "there is no socket at %s: is the device being served?".formatted(path);
                    case Errno.ECONNREFUSED ->
                            !isSocket(path)
                                    ? "%s is %s, not a socket".formatted(path, kind(path))
                                    : "nobody listens at %s: the server has ended".formatted(path);
                    case Errno.EACCES, Errno.EPERM ->
                            "this user may not use the socket %s".formatted(path);
                    case Errno.EPROTOTYPE ->
                            "%s is a datagram socket: a vfio-user server has a stream socket"
                                    .formatted(path);
                    case Errno.EAGAIN ->
                            "the server at %s has a client, and others waiting".formatted(path);
                    default -> "cannot connect to %s: %s".formatted(path, e.getMessage());
                });
    }

    private static boolean isSocket(Path path) {
        try {
            int mode = (Integer) Files.getAttribute(path, "unix:mode");
            return (mode & S_IFMT) == S_IFSOCK;
        } catch (IOException e) {
            return false;
        }
    }

    private static String kind(Path path) {
        return Files.isDirectory(path)
                ? "a folder"
                : Files.isRegularFile(path) ? "a file" : "a pipe or a device";
    }

    private static Path folder(Path path) {
        var parent = path.toAbsolutePath().getParent();
        return parent == null ? Path.of("/") : parent;
    }
}
