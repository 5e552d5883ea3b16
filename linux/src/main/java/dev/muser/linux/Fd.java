package dev.muser.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.lang.ref.Reference;

/**
 * A file descriptor with one owner, closed once.
 *
 * <p>Closing is idempotent and thread-safe. Using a closed one throws {@link
 * IllegalStateException}; it never reaches a number that the kernel has given out again. The owner
 * must not close while another thread is inside a call on the descriptor.
 */
public final class Fd implements AutoCloseable {
    private static final VarHandle NUMBER;

    static {
        try {
            NUMBER = MethodHandles.lookup().findVarHandle(Fd.class, "number", int.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private static final int CLOSED = -1;

    private volatile int number;

    private Fd(int number) {
        this.number = number;
    }

    /**
     * Takes ownership of an open descriptor, such as one inherited from a parent process.
     *
     * @throws SyscallException EBADF when it is not open
     */
    public static Fd adopt(int number) {
        Syscall.check("fcntl F_GETFD " + number, Syscall.call(Syscall.FCNTL, number, 1, 0));
        return new Fd(number);
    }

    /** Takes ownership of what a system call has just returned. */
    static Fd own(long number) {
        return new Fd((int) number);
    }

    /** Hot. Returns the number, for the length of one call. */
    public int number() {
        int n = number;
        if (n == CLOSED) {
            throw new IllegalStateException("descriptor is closed");
        }
        return n;
    }

    public boolean isOpen() {
        return number != CLOSED;
    }

    /** Returns a second descriptor for the same open file, close-on-exec, with its own owner. */
    public Fd duplicate() {
        return own(
                Syscall.check(
                        "fcntl F_DUPFD_CLOEXEC", Syscall.call(Syscall.FCNTL, number(), 1030, 0)));
    }

    /**
     * Opens the same file again, for reading only: whoever gets the result cannot change the file.
     *
     * @throws SyscallException ENXIO for a socket, which cannot be opened; ENOENT without /proc
     */
    public Fd reopenForReading() {
        try (var arena = Arena.ofConfined()) {
            var path = arena.allocateFrom("/proc/self/fd/" + number());
            return own(
                    Syscall.check(
                            "open " + this + " for reading",
                            Syscall.call(Syscall.OPENAT, -100, path.address(), 0x80000)));
        }
    }

    /** Gives up ownership: the caller must see to it that the returned number is closed. */
    public int release() {
        int n = (int) NUMBER.getAndSet(this, CLOSED);
        if (n == CLOSED) {
            throw new IllegalStateException("descriptor is closed");
        }
        return n;
    }

    /** Sets whether reads and writes return EAGAIN instead of blocking ({@code O_NONBLOCK}). */
    public void nonBlocking(boolean on) {
        long flags = Syscall.check("fcntl F_GETFL", Syscall.call(Syscall.FCNTL, number(), 3, 0));
        long wanted = on ? flags | 0x800 : flags & ~0x800L;
        if (wanted != flags) {
            Syscall.check("fcntl F_SETFL", Syscall.call(Syscall.FCNTL, number(), 4, wanted));
        }
    }

    /** Returns how the file was opened: 0 to read, 1 to write, 2 for both ({@code O_ACCMODE}). */
    public int accessMode() {
        return (int) Syscall.check("fcntl F_GETFL", Syscall.call(Syscall.FCNTL, number(), 3, 0))
                & 3;
    }

    /** Sets whether a program started by this process inherits the descriptor. */
    public void inheritable(boolean on) {
        Syscall.check("fcntl F_SETFD", Syscall.call(Syscall.FCNTL, number(), 2, on ? 0 : 1));
    }

    /** Hot. Reads up to {@code length} bytes; returns how many, 0 at the end, or {@code -errno}. */
    public int read(MemorySegment buffer, long offset, int length) {
        long address = NativeBuffer.addressToFill(buffer, offset, length);
        try {
            return (int) Syscall.call(Syscall.READ, number(), address, length);
        } finally {
            Reference.reachabilityFence(buffer);
        }
    }

    /** Hot. Writes up to {@code length} bytes; returns how many, or {@code -errno}. */
    public int write(MemorySegment buffer, long offset, int length) {
        long address = NativeBuffer.address(buffer, offset, length);
        try {
            return (int) Syscall.call(Syscall.WRITE, number(), address, length);
        } finally {
            Reference.reachabilityFence(buffer);
        }
    }

    /**
     * Hot. {@code pread(2)} at {@code position} of the file; returns the count or {@code -errno}.
     */
    public int readAt(long position, MemorySegment buffer, long offset, int length) {
        long address = NativeBuffer.addressToFill(buffer, offset, length);
        try {
            return (int) Syscall.call(Syscall.PREAD64, number(), address, length, position, 0, 0);
        } finally {
            Reference.reachabilityFence(buffer);
        }
    }

    /**
     * Hot. {@code pwrite(2)} at {@code position} of the file; returns the count or {@code -errno}.
     */
    public int writeAt(long position, MemorySegment buffer, long offset, int length) {
        long address = NativeBuffer.address(buffer, offset, length);
        try {
            return (int) Syscall.call(Syscall.PWRITE64, number(), address, length, position, 0, 0);
        } finally {
            Reference.reachabilityFence(buffer);
        }
    }

    @Override
    public void close() {
        int n = (int) NUMBER.getAndSet(this, CLOSED);
        if (n != CLOSED) {
            // EINTR and EIO leave the descriptor closed too: close(2)
            Syscall.call(Syscall.CLOSE, n);
        }
    }

    @Override
    public String toString() {
        int n = number;
        return n == CLOSED ? "fd closed" : "fd " + n;
    }
}
