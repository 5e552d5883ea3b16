package dev.muser.linux;

import java.lang.foreign.Arena;
import java.time.Duration;

/**
 * A UNIX datagram socket: whole messages, in order, from many senders to one receiver. Messages and
 * descriptors go by {@link MessageSender} and {@link MessageReceiver}.
 *
 * <p>What has been sent is in the receiver's queue, whatever becomes of the sender.
 *
 * <p>An address is a path, or '@' and a name that is in no file system and vanishes with the socket
 * ({@code unix(7)}, abstract).
 */
public final class UnixDatagramSocket implements AutoCloseable {
    private static final int SOCK_DGRAM = 2;
    private static final int SO_PASSCRED = 16;

    private final Fd fd;

    private UnixDatagramSocket(Fd fd) {
        this.fd = fd;
    }

    /**
     * Receives at {@code address}, each message with its sender's credentials. The file of a path
     * is the caller's to remove.
     *
     * @throws SyscallException EADDRINUSE, EACCES, ENOENT, ENAMETOOLONG
     */
    public static UnixDatagramSocket bind(String address) {
        var fd = create();
        try {
            // before there is an address, lest a message come without
            UnixSocket.intOption(fd, SO_PASSCRED, 1);
            call("bind ", Syscall.BIND, fd, address);
        } catch (RuntimeException e) {
            fd.close();
            throw e;
        }
        return new UnixDatagramSocket(fd);
    }

    /**
     * Sends to {@code address}.
     *
     * @throws SyscallException ENOENT and ECONNREFUSED when nobody is there, EACCES, EPROTOTYPE
     *     when it is no datagram socket, ENAMETOOLONG
     */
    public static UnixDatagramSocket connect(String address) {
        var fd = create();
        try {
            call("connect ", Syscall.CONNECT, fd, address);
        } catch (RuntimeException e) {
            fd.close();
            throw e;
        }
        return new UnixDatagramSocket(fd);
    }

    public Fd fd() {
        return fd;
    }

    /** Makes blocking sends and receives fail with EAGAIN after this time; zero waits for ever. */
    public void timeout(Duration timeout) {
        UnixSocket.timeout(fd, timeout);
    }

    private static Fd create() {
        return Fd.own(
                Syscall.check(
                        "socket",
                        Syscall.call(
                                Syscall.SOCKET,
                                SocketAddress.AF_UNIX,
                                SOCK_DGRAM | UnixSocket.SOCK_CLOEXEC,
                                0)));
    }

    private static void call(String name, int number, Fd fd, String address) {
        try (var arena = Arena.ofConfined()) {
            var memory = SocketAddress.of(address, arena);
            Syscall.check(
                    name + address,
                    Syscall.call(number, fd.number(), memory.address(), memory.byteSize()));
        }
    }

    @Override
    public void close() {
        fd.close();
    }
}
