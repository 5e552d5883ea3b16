package dev.muser.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import java.util.List;

/** Sends bytes, with descriptors where wanted: {@code sendmsg(2)}. Not thread-safe. */
public final class MessageSender {
    /** Return {@code -EAGAIN} instead of waiting for space. */
    public static final int DONT_WAIT = 0x40;

    /** Descriptors that Linux passes with one message ({@code SCM_MAX_FD}). */
    public static final int MAX_DESCRIPTORS = 253;

    private static final int MSG_NOSIGNAL = 0x4000;
    private static final int SCM_RIGHTS = 1;

    // layouts: see MessageReceiver
    private static final int IOVEC = 56;
    private static final int CONTROL = 72;

    private final Arena arena = Arena.ofAuto();
    private MemorySegment memory = prepare(8);
    private int capacity = 8;

    /**
     * Hot. Sends {@code length} bytes of {@code buffer} from {@code offset}.
     *
     * @return how many were sent, which may be fewer, or {@code -errno}: EAGAIN, EINTR, EPIPE,
     *     ECONNRESET
     */
    public int send(UnixSocket socket, MemorySegment buffer, long offset, int length, int flags) {
        return plain(socket.fd(), buffer, offset, length, flags);
    }

    /** As the other {@code send}, with up to 253 descriptors on the first byte. */
    public int send(
            UnixSocket socket,
            MemorySegment buffer,
            long offset,
            int length,
            List<Fd> descriptors,
            int flags) {
        return withDescriptors(socket.fd(), buffer, offset, length, descriptors, flags);
    }

    /**
     * Sends one datagram, whole, with up to 253 descriptors.
     *
     * @return {@code length}, or {@code -errno}: EAGAIN when the receiver's queue is full,
     *     ECONNREFUSED when the receiver is gone, ETOOMANYREFS when this user has too many
     *     descriptors under way, EMSGSIZE, EINTR
     */
    public int send(
            UnixDatagramSocket socket,
            MemorySegment buffer,
            long offset,
            int length,
            List<Fd> descriptors,
            int flags) {
        return withDescriptors(socket.fd(), buffer, offset, length, descriptors, flags);
    }

    private int plain(Fd socket, MemorySegment buffer, long offset, int length, int flags) {
        long address = NativeBuffer.address(buffer, offset, length);
        memory.set(JAVA_LONG, 32, 0);
        memory.set(JAVA_LONG, 40, 0);
        return transmit(socket, buffer, address, length, flags);
    }

    private int withDescriptors(
            Fd socket,
            MemorySegment buffer,
            long offset,
            int length,
            List<Fd> descriptors,
            int flags) {
        long address = NativeBuffer.address(buffer, offset, length);
        int n = descriptors.size();
        if (n == 0) {
            return plain(socket, buffer, offset, length, flags);
        }
        if (n > capacity) {
            memory = prepare(n);
            capacity = n;
        }
        long controlLength = 16 + n * 4L;
        memory.set(JAVA_LONG, 32, memory.address() + CONTROL);
        memory.set(JAVA_LONG, 40, (controlLength + 7) & ~7L);
        memory.set(JAVA_LONG, CONTROL, controlLength);
        memory.set(JAVA_INT, CONTROL + 8, UnixSocket.SOL_SOCKET);
        memory.set(JAVA_INT, CONTROL + 12, SCM_RIGHTS);
        for (int i = 0; i < n; i++) {
            memory.set(JAVA_INT, CONTROL + 16 + i * 4L, descriptors.get(i).number());
        }
        return transmit(socket, buffer, address, length, flags);
    }

    private int transmit(Fd socket, MemorySegment buffer, long address, int length, int flags) {
        memory.set(JAVA_LONG, IOVEC, address);
        memory.set(JAVA_LONG, IOVEC + 8, length);
        try {
            return (int)
                    Syscall.call(
                            Syscall.SENDMSG,
                            socket.number(),
                            memory.address(),
                            flags | MSG_NOSIGNAL);
        } finally {
            Reference.reachabilityFence(buffer);
            Reference.reachabilityFence(this);
        }
    }

    private MemorySegment prepare(int descriptors) {
        var fresh = arena.allocate(CONTROL + 16 + ((descriptors * 4L + 7) & ~7L), 8);
        fresh.set(JAVA_LONG, 16, fresh.address() + IOVEC);
        fresh.set(JAVA_LONG, 24, 1);
        return fresh;
    }
}
