package dev.muser.linux;

import java.util.Map;

/** Linux's error numbers ({@code errno(3)}): those that Muser sends, receives or acts upon. */
public final class Errno {
    public static final int EPERM = 1;
    public static final int ENOENT = 2;
    public static final int ESRCH = 3;
    public static final int EINTR = 4;
    public static final int EIO = 5;
    public static final int ENXIO = 6;
    public static final int E2BIG = 7;
    public static final int EBADF = 9;
    public static final int ECHILD = 10;
    public static final int EAGAIN = 11;
    public static final int ENOMEM = 12;
    public static final int EACCES = 13;
    public static final int EFAULT = 14;
    public static final int EBUSY = 16;
    public static final int EEXIST = 17;
    public static final int ENODEV = 19;
    public static final int ENOTDIR = 20;
    public static final int EISDIR = 21;
    public static final int EINVAL = 22;
    public static final int ENFILE = 23;
    public static final int EMFILE = 24;
    public static final int ENOTTY = 25;
    public static final int ETXTBSY = 26;
    public static final int EFBIG = 27;
    public static final int ENOSPC = 28;
    public static final int ESPIPE = 29;
    public static final int EROFS = 30;
    public static final int EPIPE = 32;
    public static final int ERANGE = 34;
    public static final int ENAMETOOLONG = 36;
    public static final int ENOSYS = 38;
    public static final int EPROTO = 71;
    public static final int EOVERFLOW = 75;
    public static final int ENOTSOCK = 88;
    public static final int EMSGSIZE = 90;
    public static final int EPROTOTYPE = 91;
    public static final int EOPNOTSUPP = 95;
    public static final int EADDRINUSE = 98;
    public static final int ECONNRESET = 104;
    public static final int ENOBUFS = 105;
    public static final int ENOTCONN = 107;
    public static final int ESHUTDOWN = 108;
    public static final int ETOOMANYREFS = 109;
    public static final int ETIMEDOUT = 110;
    public static final int ECONNREFUSED = 111;
    public static final int EDQUOT = 122;
    public static final int ECANCELED = 125;

    private record Entry(String name, String text) {}

    private static final Map<Integer, Entry> ENTRIES =
            Map.ofEntries(
                    entry(EPERM, "EPERM", "operation not permitted"),
                    entry(ENOENT, "ENOENT", "no such file or directory"),
                    entry(ESRCH, "ESRCH", "no such process"),
                    entry(EINTR, "EINTR", "interrupted by a signal"),
                    entry(EIO, "EIO", "input/output error"),
                    entry(ENXIO, "ENXIO", "no such device or address"),
                    entry(E2BIG, "E2BIG", "too big"),
                    entry(EBADF, "EBADF", "bad file descriptor"),
                    entry(ECHILD, "ECHILD", "not a child of this process"),
                    entry(EAGAIN, "EAGAIN", "would block"),
                    entry(ENOMEM, "ENOMEM", "out of memory"),
                    entry(EACCES, "EACCES", "permission denied"),
                    entry(EFAULT, "EFAULT", "bad address"),
                    entry(EBUSY, "EBUSY", "busy"),
                    entry(EEXIST, "EEXIST", "exists already"),
                    entry(ENODEV, "ENODEV", "no such device"),
                    entry(ENOTDIR, "ENOTDIR", "not a directory"),
                    entry(EISDIR, "EISDIR", "is a directory"),
                    entry(EINVAL, "EINVAL", "invalid argument"),
                    entry(ENFILE, "ENFILE", "no file descriptors left in the system"),
                    entry(EMFILE, "EMFILE", "no file descriptors left in this process"),
                    entry(ENOTTY, "ENOTTY", "not supported by this device"),
                    entry(ETXTBSY, "ETXTBSY", "text file busy"),
                    entry(EFBIG, "EFBIG", "file too large"),
                    entry(ENOSPC, "ENOSPC", "no space left"),
                    entry(ESPIPE, "ESPIPE", "cannot seek"),
                    entry(EROFS, "EROFS", "read-only file system"),
                    entry(EPIPE, "EPIPE", "the other end is closed"),
                    entry(ERANGE, "ERANGE", "out of range"),
                    entry(ENAMETOOLONG, "ENAMETOOLONG", "name too long"),
                    entry(ENOSYS, "ENOSYS", "not implemented"),
                    entry(EPROTO, "EPROTO", "protocol error"),
                    entry(EOVERFLOW, "EOVERFLOW", "value too large"),
                    entry(ENOTSOCK, "ENOTSOCK", "not a socket"),
                    entry(EMSGSIZE, "EMSGSIZE", "message too long"),
                    entry(EPROTOTYPE, "EPROTOTYPE", "wrong type of socket"),
                    entry(EOPNOTSUPP, "EOPNOTSUPP", "operation not supported"),
                    entry(EADDRINUSE, "EADDRINUSE", "address in use"),
                    entry(ECONNRESET, "ECONNRESET", "connection reset by the other end"),
                    entry(ENOBUFS, "ENOBUFS", "no memory for it in the kernel"),
                    entry(ENOTCONN, "ENOTCONN", "not connected"),
                    entry(ESHUTDOWN, "ESHUTDOWN", "the other end shuts down"),
                    entry(ETOOMANYREFS, "ETOOMANYREFS", "too many descriptors are under way"),
                    entry(ETIMEDOUT, "ETIMEDOUT", "timed out"),
                    entry(ECONNREFUSED, "ECONNREFUSED", "nobody listens there"),
                    entry(EDQUOT, "EDQUOT", "quota used up"),
                    entry(ECANCELED, "ECANCELED", "cancelled"));

    private Errno() {}

    /** Returns the name, such as {@code EINVAL}; {@code errno 200} for a number not known here. */
    public static String name(int errno) {
        var entry = ENTRIES.get(errno);
        return entry == null ? "errno " + errno : entry.name;
    }

    /** Returns name and meaning: {@code EINVAL (invalid argument)}. */
    public static String describe(int errno) {
        var entry = ENTRIES.get(errno);
        return entry == null ? "errno " + errno : entry.name + " (" + entry.text + ")";
    }

    private static Map.Entry<Integer, Entry> entry(int errno, String name, String text) {
        return Map.entry(errno, new Entry(name, text));
    }
}
