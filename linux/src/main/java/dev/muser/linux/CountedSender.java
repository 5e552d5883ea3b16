package dev.muser.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.lang.ref.Reference;
import java.util.List;

/**
 * Sends bytes as {@link MessageSender} does, and has the kernel itself note in memory how many have
 * left ({@code sendmmsg(2)}: {@code msg_len}).
 *
 * <p>The note is made in the system call that sends. A process that is killed leaves its system
 * calls before it dies, so whoever has the memory afterwards, and knows that a send was begun,
 * knows how many bytes left. Not thread-safe.
 */
public final class CountedSender {
    /** How many bytes of memory it needs, aligned to 8. */
    public static final int SIZE = 80 + 16 + 4 * MessageSender.MAX_DESCRIPTORS + 4;

    private static final int MSG_NOSIGNAL = 0x4000;
    private static final int SCM_RIGHTS = 1;
    private static final int NOTHING = -1;

    // struct mmsghdr: msghdr @0 (layout: see MessageReceiver), msg_len u32 @56; 64 bytes
    private static final int CONTROL_ADDRESS = 32;
    private static final int CONTROL_LENGTH = 40;
    private static final int LENGTH = 56;
    private static final int IOVEC = 64;
    private static final int CONTROL = 80;
    private static final VarHandle INTS = JAVA_INT.varHandle();

    private final MemorySegment memory;

    /**
     * @param memory of {@link #SIZE} bytes; native
     */
    public CountedSender(MemorySegment memory) {
        this.memory = memory;
    }

    /** Hot. Forgets the count of the send before: call it before a send is said to have begun. */
    public void clear() {
        INTS.setRelease(memory, (long) LENGTH, NOTHING);
    }

    /** Returns how many bytes have left since {@link #clear}, in this process or one before it. */
    public int count() {
        int length = memory.get(JAVA_INT, LENGTH);
        return length == NOTHING ? 0 : length;
    }

    /**
     * Hot. Sends {@code length} bytes of {@code buffer} from {@code offset}; with up to 253
     * descriptors on the first byte.
     *
     * @return how many were sent, which may be fewer, or {@code -errno}
     */
    public int send(
            UnixSocket socket,
            MemorySegment buffer,
            long offset,
            int length,
            List<Fd> descriptors,
            int flags) {
        memory.set(JAVA_LONG, 0, 0);
        memory.set(JAVA_LONG, 8, 0);
        memory.set(JAVA_LONG, 16, memory.address() + IOVEC);
        memory.set(JAVA_LONG, 24, 1);
        memory.set(JAVA_LONG, IOVEC, NativeBuffer.address(buffer, offset, length));
        memory.set(JAVA_LONG, IOVEC + 8, length);
        attach(descriptors);
        long sent;
        try {
            sent =
                    Syscall.call(
                            Syscall.SENDMMSG,
                            socket.fd().number(),
                            memory.address(),
                            1,
                            flags | MSG_NOSIGNAL,
                            0,
                            0);
        } finally {
            Reference.reachabilityFence(buffer);
        }
        return sent < 0 ? (int) sent : count();
    }

    private void attach(List<Fd> descriptors) {
        int n = descriptors.size();
        if (n == 0) {
            memory.set(JAVA_LONG, CONTROL_ADDRESS, 0);
            memory.set(JAVA_LONG, CONTROL_LENGTH, 0);
            return;
        }
        long length = 16 + n * 4L;
        memory.set(JAVA_LONG, CONTROL_ADDRESS, memory.address() + CONTROL);
        memory.set(JAVA_LONG, CONTROL_LENGTH, (length + 7) & ~7L);
        memory.set(JAVA_LONG, CONTROL, length);
        memory.set(JAVA_INT, CONTROL + 8, UnixSocket.SOL_SOCKET);
        memory.set(JAVA_INT, CONTROL + 12, SCM_RIGHTS);
        for (int i = 0; i < n; i++) {
            memory.set(JAVA_INT, CONTROL + 16 + i * 4L, descriptors.get(i).number());
        }
    }
}
