package dev.muser.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.time.Duration;

/** A connected UNIX stream socket. Bytes and descriptors go by {@link MessageSender} and back. */
public final class UnixSocket implements AutoCloseable {
    static final int SOCK_STREAM = 1;
    static final int SOCK_CLOEXEC = 0x80000;
    static final int SOL_SOCKET = 1;
    private static final int SO_TYPE = 3;
    private static final int SO_SNDBUF = 7;
    private static final int SO_PEEK_OFF = 42;
    private static final int SO_RCVTIMEO = 20;
    private static final int SO_SNDTIMEO = 21;
    private static final int SO_PEERCRED = 17;
    private static final int SO_DOMAIN = 39;
    private static final int SIOCOUTQ = 0x5411;

    private final Fd fd;

    UnixSocket(Fd fd) {
        this.fd = fd;
    }

    /**
     * Connects, waiting while the listener's queue is full.
     *
     * @throws SyscallException ENOENT and ECONNREFUSED when nobody listens there, EACCES without
     *     write permission on the socket file, ENAMETOOLONG
     */
    public static UnixSocket connect(Path path) {
        return connect(path, Duration.ZERO);
    }

    /**
     * Connects, waiting no longer than {@code timeout} while the listener's queue is full. The
     * timeout stays with the socket: {@link #timeout}.
     *
     * @throws SyscallException EAGAIN after the time; else as {@link #connect(Path)}
     */
    public static UnixSocket connect(Path path, Duration timeout) {
        var fd = create();
        try (var arena = Arena.ofConfined()) {
            if (!timeout.isZero()) {
                new UnixSocket(fd).timeout(timeout);
            }
            var address = SocketAddress.of(path, arena);
            Syscall.check(
                    "connect " + path,
                    Syscall.call(
                            Syscall.CONNECT, fd.number(), address.address(), SocketAddress.SIZE));
            return new UnixSocket(fd);
        } catch (SyscallException e) {
            fd.close();
            throw e;
        }
    }

    /** Returns two sockets that are connected to each other. */
    public static UnixSocket[] pair() {
        try (var arena = Arena.ofConfined()) {
            var numbers = arena.allocate(8, 4);
            Syscall.check(
                    "socketpair",
                    Syscall.call(
                            Syscall.SOCKETPAIR,
                            SocketAddress.AF_UNIX,
                            SOCK_STREAM | SOCK_CLOEXEC,
                            0,
                            numbers.address(),
                            0,
                            0));
            return new UnixSocket[] {
                new UnixSocket(Fd.own(numbers.get(JAVA_INT, 0))),
                new UnixSocket(Fd.own(numbers.get(JAVA_INT, 4)))
            };
        }
    }

    /**
     * Takes ownership of a descriptor that should be a connected UNIX stream socket.
     *
     * @throws SyscallException ENOTSOCK when it is something else, ENOTCONN when it was never
     *     connected; the descriptor stays the caller's
     */
    public static UnixSocket adopt(Fd fd) {
        requireUnixStream(fd);
        requirePeer(fd);
        return new UnixSocket(fd);
    }

    static void requireUnixStream(Fd fd) {
        if (intOption(fd, SO_DOMAIN) != SocketAddress.AF_UNIX
                || intOption(fd, SO_TYPE) != SOCK_STREAM) {
            throw new SyscallException("use " + fd + " as UNIX stream socket", Errno.ENOTSOCK);
        }
    }

    private static void requirePeer(Fd fd) {
        try (var arena = Arena.ofConfined()) {
            var address = arena.allocate(SocketAddress.SIZE, 8);
            var length = arena.allocate(4, 4);
            length.set(JAVA_INT, 0, SocketAddress.SIZE);
            Syscall.check(
                    "getpeername",
                    Syscall.call(
                            Syscall.GETPEERNAME, fd.number(), address.address(), length.address()));
        }
    }

    static Fd create() {
        return Fd.own(
                Syscall.check(
                        "socket",
                        Syscall.call(
                                Syscall.SOCKET,
                                SocketAddress.AF_UNIX,
                                SOCK_STREAM | SOCK_CLOEXEC,
                                0)));
    }

    public Fd fd() {
        return fd;
    }

    /** Returns how many bytes of kernel memory what was sent and not yet received may take. */
    public int sendBuffer() {
        return intOption(fd, SO_SNDBUF);
    }

    /** Whether the other end has received, and not only looked at, all that was sent. */
    public boolean isDrained() {
        try (var arena = Arena.ofConfined()) {
            var unread = arena.allocate(4, 4);
            Syscall.check(
                    "ioctl SIOCOUTQ",
                    Syscall.call(Syscall.IOCTL, fd.number(), SIOCOUTQ, unread.address()));
            return unread.get(JAVA_INT, 0) == 0;
        }
    }

    /** Asks the kernel for a send buffer of this many bytes; it may give less. */
    public void sendBuffer(int bytes) {
        intOption(fd, SO_SNDBUF, bytes);
    }

    /**
     * Sets how many of the bytes that wait here the next receive with {@link MessageReceiver#PEEK}
     * passes over ({@code SO_PEEK_OFF}, {@code socket(7)}). Each such receive moves it on by what
     * it returned, and each other one moves it back: the kernel counts, and goes on counting when a
     * process dies, how far what was read is ahead of what was taken.
     */
    public void peekOffset(int bytes) {
        intOption(fd, SO_PEEK_OFF, bytes);
    }

    /** Returns what {@link #peekOffset(int)} set, as it is now. */
    public int peekOffset() {
        return intOption(fd, SO_PEEK_OFF);
    }

    /** Makes blocking sends and receives fail with EAGAIN after this time; zero waits for ever. */
    public void timeout(Duration timeout) {
        timeout(fd, timeout);
    }

    static void timeout(Fd fd, Duration timeout) {
        try (var arena = Arena.ofConfined()) {
            var timeval = arena.allocate(16, 8); // seconds s64 @0, microseconds s64 @8
            timeval.set(JAVA_LONG, 0, timeout.toSeconds());
            timeval.set(JAVA_LONG, 8, timeout.toNanosPart() / 1000);
            for (int option : new int[] {SO_RCVTIMEO, SO_SNDTIMEO}) {
                Syscall.check(
                        "setsockopt timeout",
                        Syscall.call(
                                Syscall.SETSOCKOPT,
                                fd.number(),
                                SOL_SOCKET,
                                option,
                                timeval.address(),
                                16,
                                0));
            }
        }
    }

    /** Returns who connected, as the kernel knows it: {@code SO_PEERCRED}. */
    public PeerCredentials peer() {
        try (var arena = Arena.ofConfined()) {
            var ucred = arena.allocate(12, 4); // struct ucred: pid @0, uid @4, gid @8
            option(fd, SO_PEERCRED, ucred.address(), 12, arena);
            return new PeerCredentials(
                    ucred.get(JAVA_INT, 0), ucred.get(JAVA_INT, 4), ucred.get(JAVA_INT, 8));
        }
    }

    /** Ends both directions: the other end reads an end of stream. The descriptor stays open. */
    public void shutdown() {
        Syscall.call(Syscall.SHUTDOWN, fd.number(), 2);
    }

    @Override
    public void close() {
        fd.close();
    }

    static int intOption(Fd fd, int option) {
        try (var arena = Arena.ofConfined()) {
            var value = arena.allocate(4, 4);
            option(fd, option, value.address(), 4, arena);
            return value.get(JAVA_INT, 0);
        }
    }

    static void intOption(Fd fd, int option, int value) {
        try (var arena = Arena.ofConfined()) {
            var memory = arena.allocate(4, 4);
            memory.set(JAVA_INT, 0, value);
            Syscall.check(
                    "setsockopt " + option,
                    Syscall.call(
                            Syscall.SETSOCKOPT,
                            fd.number(),
                            SOL_SOCKET,
                            option,
                            memory.address(),
                            4,
                            0));
        }
    }

    private static void option(Fd fd, int option, long address, int length, Arena arena) {
        var size = arena.allocate(4, 4);
        size.set(JAVA_INT, 0, length);
        Syscall.check(
                "getsockopt " + option + " of " + fd,
                Syscall.call(
                        Syscall.GETSOCKOPT,
                        fd.number(),
                        SOL_SOCKET,
                        option,
                        address,
                        size.address(),
                        0));
    }
}
