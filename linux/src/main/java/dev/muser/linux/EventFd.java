package dev.muser.linux;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;

/** A counter in the kernel that one side adds to and the other waits for: {@code eventfd(2)}. */
public final class EventFd {
    private static final int EFD_CLOEXEC = 0x80000;
    private static final int EFD_NONBLOCK = 0x800;
    private static final int AT_FILE_POSITION = -1;
    private static final int RWF_NOWAIT = 8;

    /** The value 1, written by every signal of every thread; nobody changes it. */
    private static final MemorySegment ONE = Arena.global().allocate(8, 8);

    static {
        ONE.set(JAVA_LONG, 0, 1);
    }

    private EventFd() {}

    /** Creates a non-blocking one whose count is 0. */
    public static Fd create() {
        return Fd.own(
                Syscall.check(
                        "eventfd2", Syscall.call(Syscall.EVENTFD2, 0, EFD_CLOEXEC | EFD_NONBLOCK)));
    }

    /**
     * Hot. Adds 1, whoever else has the descriptor and whatever they do with it. Never waits: a
     * count that is full stays full, since whoever waits for it has been told already.
     */
    public static void signal(Fd fd) {
        if (UringSignal.available()) {
            if (UringSignal.signal(fd)) {
                return;
            }
        } else if (AioSignal.available()) {
            if (AioSignal.signal(fd.number()) == 0) {
                return;
            }
        }
        if (Poll.isWritable(fd)) {
            Syscall.call(Syscall.WRITE, fd.number(), ONE.address(), 8);
        }
    }

    /**
     * Hot. Takes the count and makes it 0; returns it, or {@code -EAGAIN} when it was 0. A count of
     * 2^63 and more, which only the other side can have written, is returned as 2^63 - 1.
     */
    public static long take(Fd fd, MemorySegment scratch) {
        long result = fd.read(scratch, 0, 8);
        if (result < 0) {
            return result;
        }
        return atMostLong(scratch.get(JAVA_LONG, 0));
    }

    /**
     * Takes the count of an eventfd that somebody else has too, as {@link #take(Fd, MemorySegment)}
     * does. Never waits: a {@code read(2)} would when the other owner has cleared {@code
     * O_NONBLOCK} and taken the count just before.
     */
    public static long take(Fd fd) {
        try (var arena = Arena.ofConfined()) {
            var count = arena.allocate(8, 8);
            var vector = arena.allocate(16, 8); // struct iovec: base u64 @0, length u64 @8
            vector.set(JAVA_LONG, 0, count.address());
            vector.set(JAVA_LONG, 8, 8);
            long result =
                    Syscall.call(
                            Syscall.PREADV2,
                            fd.number(),
                            vector.address(),
                            1,
                            AT_FILE_POSITION,
                            0,
                            RWF_NOWAIT);
            return result < 0 ? result : atMostLong(count.get(JAVA_LONG, 0));
        }
    }

    private static long atMostLong(long count) {
        return count < 0 ? Long.MAX_VALUE : count;
    }

    /** Whether {@code fd} is an eventfd, so that writing 8 bytes to it signals and no more. */
    public static boolean is(Fd fd) {
        try {
            return Files.readSymbolicLink(Path.of("/proc/self/fd/" + fd.number()))
                    .toString()
                    .equals("anon_inode:[eventfd]");
        } catch (IOException e) {
            return false;
        }
    }

    /**
     * Returns the number that the kernel gave this eventfd: the same for all of its descriptors, in
     * all processes, and never another's while it lives ({@code proc_pid_fdinfo(5)}).
     *
     * @throws SyscallException EINVAL when it is not an eventfd
     */
    public static int id(Fd fd) {
        try {
            for (var line : Files.readAllLines(Path.of("/proc/self/fdinfo/" + fd.number()))) {
                if (line.startsWith("eventfd-id:")) {
                    return Integer.parseInt(line.substring(11).strip());
                }
            }
        } catch (IOException e) {
            throw new SyscallException("read /proc/self/fdinfo/" + fd.number(), Errno.ENOENT);
        }
        throw new SyscallException("use " + fd + " as eventfd", Errno.EINVAL);
    }
}
