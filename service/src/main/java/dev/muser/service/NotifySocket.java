package dev.muser.service;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import dev.muser.linux.MessageSender;
import dev.muser.linux.SyscallException;
import dev.muser.linux.UnixDatagramSocket;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/** The way to the service manager, {@code $NOTIFY_SOCKET}. Any thread may send. */
final class NotifySocket implements AutoCloseable {
    /** systemd takes no longer message ({@code NOTIFY_BUFFER_MAX}). */
    static final int MAX_MESSAGE = 4096;

    private final String address;
    private final Duration patience;
    private final MessageSender sender = new MessageSender();
    private final MemorySegment buffer = Arena.ofAuto().allocate(MAX_MESSAGE);
    private @Nullable UnixDatagramSocket socket;

    /**
     * @param address a path, or '@' and a name outside the file system
     * @param patience how long a message may wait for space in the manager's queue
     */
    NotifySocket(String address, Duration patience) {
        this.address = address;
        this.patience = patience;
    }

    /**
     * Sends lines of {@code NAME=value}. Once this returns true, the message is in the manager's
     * queue, whatever becomes of this process.
     *
     * @return false when the manager is gone
     * @throws SyscallException EAGAIN when its queue has been full all the time; EMSGSIZE
     */
    synchronized boolean send(String message, List<Fd> descriptors) {
        var bytes = message.getBytes(StandardCharsets.UTF_8);
        if (bytes.length > MAX_MESSAGE) {
            throw new SyscallException(
                    "notify the service manager in %d bytes".formatted(bytes.length),
                    Errno.EMSGSIZE);
        }
        MemorySegment.copy(bytes, 0, buffer, JAVA_BYTE, 0, bytes.length);
        long deadline = System.nanoTime() + patience.toNanos();
        boolean fresh = false;
        while (true) {
            if (socket == null) {
                socket = connect();
                fresh = true;
            }
            if (socket == null) {
                return false;
            }
            int result = sender.send(socket, buffer, 0, bytes.length, descriptors, 0);
            switch (-result) {
                case Errno.EINTR -> {}
                case Errno.ECONNREFUSED, Errno.ENOTCONN, Errno.ECONNRESET, Errno.EPIPE -> {
                    // a manager that executed itself anew may be there at the old address
                    close();
                    if (fresh) {
                        return false;
                    }
                }
                case Errno.EAGAIN, Errno.ENOBUFS, Errno.ENOMEM, Errno.ETOOMANYREFS -> {
                    if (System.nanoTime() - deadline >= 0) {
                        throw new SyscallException(
                                "notify the service manager, which has taken nothing for %d ms"
                                        .formatted(patience.toMillis()),
                                -result);
                    }
                    if (result != -Errno.EAGAIN) { // EAGAIN has waited
                        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(1));
                    }
                }
                default -> {
                    if (result < 0) {
                        throw new SyscallException("notify the service manager", -result);
                    }
                    return true;
                }
            }
        }
    }

    private @Nullable UnixDatagramSocket connect() {
        try {
            var connected = UnixDatagramSocket.connect(address);
            connected.timeout(patience);
            return connected;
        } catch (SyscallException e) {
            return switch (e.errno()) {
                case Errno.ENOENT, Errno.ECONNREFUSED -> null;
                default -> throw e;
            };
        }
    }

    @Override
    public synchronized void close() {
        if (socket != null) {
            socket.close();
            socket = null;
        }
    }
}
