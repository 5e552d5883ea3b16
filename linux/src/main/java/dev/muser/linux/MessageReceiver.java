package dev.muser.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Receives bytes and the descriptors that come with them: {@code recvmsg(2)}.
 *
 * <p>Not thread-safe. Received descriptors belong to the receiver until they are taken; each
 * receive closes what the one before left.
 */
public final class MessageReceiver implements AutoCloseable {
    /** Leave the bytes in the socket. Descriptors are duplicated by it, each time. */
    public static final int PEEK = 2;

    /** Return {@code -EAGAIN} instead of waiting. */
    public static final int DONT_WAIT = 0x40;

    private static final int MSG_CTRUNC = 8;
    private static final int MSG_CMSG_CLOEXEC = 0x40000000;
    private static final int SCM_RIGHTS = 1;
    private static final int SCM_CREDENTIALS = 2;

    // struct msghdr: name u64 @0, namelen u32 @8, iov u64 @16, iovlen u64 @24, control u64 @32,
    // controllen u64 @40, flags u32 @48; 56 bytes
    // struct cmsghdr: len u64 @0 (with these 16 bytes), level u32 @8, type u32 @12, data @16
    private static final int MSGHDR = 0;
    private static final int IOVEC = 56;
    private static final int CONTROL = 72;

    // header 16, struct ucred (pid s32, uid u32, gid u32) 12, padding 4
    private static final int CREDENTIALS = 32;

    private final Arena arena = Arena.ofAuto();
    private final MemorySegment memory;
    private final long controlSize;
    private final int[] descriptors;
    private int count;
    private boolean truncated;
    private @Nullable PeerCredentials sender;

    /**
     * @param maxDescriptors how many descriptors one receive can take; the kernel closes those
     *     beyond, and {@link #truncated} tells. Linux passes at most 253 with one message.
     */
    public MessageReceiver(int maxDescriptors) {
        this(maxDescriptors, false);
    }

    /**
     * @param credentials make room for the sender's credentials too: {@link #sender}
     */
    public MessageReceiver(int maxDescriptors, boolean credentials) {
        controlSize = 16 + ((maxDescriptors * 4L + 7) & ~7L) + (credentials ? CREDENTIALS : 0);
        memory = arena.allocate(CONTROL + controlSize, 8);
        memory.set(JAVA_LONG, MSGHDR + 16, memory.address() + IOVEC);
        memory.set(JAVA_LONG, MSGHDR + 24, 1);
        // The kernel may fill the padding with one descriptor more.
        descriptors = new int[maxDescriptors + 1 + (credentials ? CREDENTIALS / 4 : 0)];
    }

    /**
     * Hot. Receives up to {@code length} bytes into {@code buffer} at {@code offset}.
     *
     * <p>A receive stops behind the bytes that came with descriptors, so these belong to the last
     * message that starts in what it returned.
     *
     * @param flags of {@link #PEEK} and {@link #DONT_WAIT}
     * @return how many bytes, 0 at the end of the stream, or {@code -errno}: EAGAIN, EINTR,
     *     ECONNRESET
     */
    public int receive(
            UnixSocket socket, MemorySegment buffer, long offset, int length, int flags) {
        return receive(socket.fd(), buffer, offset, length, flags);
    }

    /**
     * Receives one datagram; what is longer than {@code length} is cut.
     *
     * @return how many bytes, which can be 0, or {@code -errno}: EAGAIN, EINTR
     */
    public int receive(
            UnixDatagramSocket socket, MemorySegment buffer, long offset, int length, int flags) {
        return receive(socket.fd(), buffer, offset, length, flags);
    }

    private int receive(Fd socket, MemorySegment buffer, long offset, int length, int flags) {
        long address = NativeBuffer.addressToFill(buffer, offset, length);
        closeRest();
        memory.set(JAVA_LONG, IOVEC, address);
        memory.set(JAVA_LONG, IOVEC + 8, length);
        memory.set(JAVA_LONG, MSGHDR + 32, memory.address() + CONTROL);
        memory.set(JAVA_LONG, MSGHDR + 40, controlSize);
        memory.set(JAVA_INT, MSGHDR + 48, 0);
        int received;
        try {
            received =
                    (int)
                            Syscall.call(
                                    Syscall.RECVMSG,
                                    socket.number(),
                                    memory.address() + MSGHDR,
                                    flags | MSG_CMSG_CLOEXEC);
        } finally {
            Reference.reachabilityFence(buffer);
        }
        truncated = false;
        sender = null;
        if (received >= 0) {
            truncated = (memory.get(JAVA_INT, MSGHDR + 48) & MSG_CTRUNC) != 0;
            if (memory.get(JAVA_LONG, MSGHDR + 40) > 0) {
                collect();
            }
        }
        return received;
    }

    /** Hot. Returns how many descriptors the last receive brought, those taken not counted out. */
    public int descriptors() {
        return count;
    }

    /** Hot. Whether the last receive had to drop descriptors for want of space or numbers. */
    public boolean truncated() {
        return truncated;
    }

    /**
     * Returns who sent what the last receive returned, as the kernel knows it; null when the socket
     * does not pass credentials.
     */
    public @Nullable PeerCredentials sender() {
        return sender;
    }

    /** Takes ownership of the descriptor at {@code index} of the last receive. */
    public Fd take(int index) {
        Objects.checkIndex(index, count);
        int number = descriptors[index];
        if (number < 0) {
            throw new IllegalStateException("descriptor " + index + " was taken before");
        }
        descriptors[index] = -1;
        return Fd.own(number);
    }

    /** Hot. Closes the descriptors that nobody took. */
    public void closeRest() {
        for (int i = 0; i < count; i++) {
            if (descriptors[i] >= 0) {
                Syscall.call(Syscall.CLOSE, descriptors[i]);
            }
        }
        count = 0;
    }

    @Override
    public void close() {
        closeRest();
    }

    /** Linux puts all descriptors of a message into one SCM_RIGHTS header. */
    private void collect() {
        long end = CONTROL + memory.get(JAVA_LONG, MSGHDR + 40);
        for (long at = CONTROL; at + 16 <= end; ) {
            long length = memory.get(JAVA_LONG, at);
            if (length < 16 || at + length > end) {
                break;
            }
            if (memory.get(JAVA_INT, at + 8) == UnixSocket.SOL_SOCKET) {
                int type = memory.get(JAVA_INT, at + 12);
                if (type == SCM_RIGHTS) {
                    for (long fd = at + 16; fd + 4 <= at + length; fd += 4) {
                        descriptors[count++] = memory.get(JAVA_INT, fd);
                    }
                } else if (type == SCM_CREDENTIALS && length >= 28) {
                    sender =
                            new PeerCredentials(
                                    memory.get(JAVA_INT, at + 16),
                                    memory.get(JAVA_INT, at + 20),
                                    memory.get(JAVA_INT, at + 24));
                }
            }
            at += (length + 7) & ~7L;
        }
    }
}
