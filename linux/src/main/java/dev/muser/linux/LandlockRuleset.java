package dev.muser.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * What a thread may do with files and TCP once it is restricted: nothing but what is allowed here
 * ({@code landlock(7)}). Descriptors that are open, and memory files, are not concerned; nor are
 * {@code stat}, {@code chmod} and the like. Owned by one thread.
 *
 * <p>All of version 7 (Linux 6.15) but its scopes: signals are a matter of {@link Sandbox}.
 */
public final class LandlockRuleset implements AutoCloseable {
    // LANDLOCK_ACCESS_FS_*, include/uapi/linux/landlock.h
    public static final long WRITE_FILE = 1 << 1;
    public static final long READ_FILE = 1 << 2;
    public static final long READ_DIR = 1 << 3;
    public static final long REMOVE_FILE = 1 << 5;
    public static final long MAKE_REG = 1 << 8;
    public static final long MAKE_SOCK = 1 << 9;
    public static final long TRUNCATE = 1 << 14;

    /** To read whatever is at a path and beneath it. */
    public static final long READ = READ_FILE | READ_DIR;

    /** All that there is. */
    public static final long ALL = handledFiles(Integer.MAX_VALUE);

    private static final long EXECUTE = 1;
    private static final long IOCTL_DEV = 1 << 15;

    /** Those that a path other than a folder's can have. */
    private static final long OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV;

    private static final long BIND_TCP = 1;
    private static final long CONNECT_TCP = 2;

    private static final int LANDLOCK_CREATE_RULESET_VERSION = 1;
    private static final int LANDLOCK_RULE_PATH_BENEATH = 1;
    private static final int LANDLOCK_RULE_NET_PORT = 2;
    private static final int LANDLOCK_RESTRICT_SELF_TSYNC = 8;

    private static final int O_PATH = 0x20_0000;
    private static final int O_CLOEXEC = 0x8_0000;

    private static final Path PROC = Path.of("/proc");

    private final Fd fd;
    private final int version;
    private final long files;
    private final long connections;

    private LandlockRuleset(Fd fd, int version, long files, long connections) {
        this.fd = fd;
        this.version = version;
        this.files = files;
        this.connections = connections;
    }

    /** Returns which version of Landlock the kernel has; 0 when it has none, or it is disabled. */
    public static int version() {
        long result =
                Syscall.call(
                        Syscall.LANDLOCK_CREATE_RULESET, 0, 0, LANDLOCK_CREATE_RULESET_VERSION);
        return (int) Math.max(0, result);
    }

    /** Returns the rights to files that a version knows, as a mask. */
    static long handledFiles(int version) {
        return version < 1
                ? 0
                : version < 2
                        ? (1 << 13) - 1
                        : version < 3
                                ? (1 << 14) - 1 // REFER
                                : version < 5 ? (1 << 15) - 1 : (1 << 16) - 1;
    }

    /** Returns the rights to TCP ports that a version knows, as a mask. */
    static long handledConnections(int version, boolean connectAnywhere) {
        return version < 4 ? 0 : connectAnywhere ? BIND_TCP : BIND_TCP | CONNECT_TCP;
    }

    /**
     * Makes one that allows nothing yet.
     *
     * @param connectAnywhere whether TCP connections to all ports are allowed; TCP servers never
     *     are. Before version 4 all are
     * @throws SyscallException EOPNOTSUPP, ENOSYS where {@link #version} is 0
     */
    public static LandlockRuleset create(boolean connectAnywhere) {
        int version = version();
        long files = handledFiles(version);
        long connections = handledConnections(version, connectAnywhere);
        try (var arena = Arena.ofConfined()) {
            // struct landlock_ruleset_attr: handled_access_fs u64 @0, handled_access_net u64 @8
            var attributes = arena.allocate(16, 8);
            attributes.set(JAVA_LONG, 0, files);
            attributes.set(JAVA_LONG, 8, connections);
            long fd =
                    Syscall.check(
                            "landlock_create_ruleset",
                            Syscall.call(
                                    Syscall.LANDLOCK_CREATE_RULESET,
                                    attributes.address(),
                                    version < 4 ? 8 : 16,
                                    0));
            return new LandlockRuleset(Fd.own(fd), version, files, connections);
        }
    }

    /**
     * Allows rights to what is at {@code path} now, and beneath it; not to what takes its place.
     *
     * @param rights bits of this class; those that the kernel does not know, or that only a folder
     *     can have, are left out
     * @return false when nothing is there, this user cannot get there, or no right is left: then
     *     nothing is allowed
     */
    public boolean allow(Path path, long rights) {
        try (var arena = Arena.ofConfined()) {
            var name = arena.allocateFrom(path.toString(), StandardCharsets.UTF_8);
            long opened =
                    Syscall.call(Syscall.OPENAT, -100, name.address(), O_PATH | O_CLOEXEC, 0, 0, 0);
            if (opened == -Errno.ENOENT || opened == -Errno.ENOTDIR || opened == -Errno.EACCES) {
                return false;
            }
            var place = Fd.own(Syscall.check("open " + path, opened));
            try {
                boolean folder = FileStatus.of(place).isDirectory();
                long allowed = rights & files & (folder ? ~0L : OF_FILES);
                if (allowed == 0) {
                    return false;
                }
                // struct landlock_path_beneath_attr, packed: allowed_access u64 @0, parent_fd s32
                // @8
                var rule = arena.allocate(16, 8);
                rule.set(JAVA_LONG, 0, allowed);
                rule.set(JAVA_INT, 8, place.number());
                add("landlock_add_rule for " + path, LANDLOCK_RULE_PATH_BENEATH, rule.address());
                if (path.startsWith(PROC)) {
                    // A rule is for an inode, and this file system makes another one for the same
                    // name unless it is held: open for as long as the process lives.
                    place.release();
                }
                return true;
            } finally {
                if (place.isOpen()) {
                    place.close();
                }
            }
        }
    }

    /** Allows TCP connections to a port of any machine. */
    public void allowConnections(int port) {
        if ((connections & CONNECT_TCP) == 0) {
            return;
        }
        try (var arena = Arena.ofConfined()) {
            // struct landlock_net_port_attr: allowed_access u64 @0, port u64 @8
            var rule = arena.allocate(16, 8);
            rule.set(JAVA_LONG, 0, CONNECT_TCP);
            rule.set(JAVA_LONG, 8, port);
            add("landlock_add_rule for port " + port, LANDLOCK_RULE_NET_PORT, rule.address());
        }
    }

    private void add(String name, int type, long rule) {
        Syscall.check(
                name, Syscall.call(Syscall.LANDLOCK_ADD_RULE, fd.number(), type, rule, 0, 0, 0));
    }

    /**
     * Restricts this thread and those that it begins from now on, for good, and sets {@code
     * no_new_privs} for them.
     */
    public void restrictThread() {
        restrict(0);
    }

    /** Whether the kernel can restrict threads that are there already: since Linux 7.0. */
    public boolean canRestrictProcess() {
        return version >= 8;
    }

    /** As {@link #restrictThread}, and all other threads of this process. */
    public void restrictProcess() {
        restrict(LANDLOCK_RESTRICT_SELF_TSYNC);
    }

    private void restrict(int flags) {
        Sandbox.noNewPrivileges();
        Syscall.check(
                "landlock_restrict_self",
                Syscall.call(Syscall.LANDLOCK_RESTRICT_SELF, fd.number(), flags));
    }

    /** Closes the ruleset. Who is restricted stays so. */
    @Override
    public void close() {
        fd.close();
    }
}
