package dev.muser.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Waits for many descriptors at once: {@code epoll(7)}, level-triggered. Owned by one thread. */
public final class Epoll implements AutoCloseable {
    /** There is something to read, or the end of the stream. */
    public static final int IN = 1;

    /** Tell of what becomes ready, not of what is ({@code EPOLLET}). */
    public static final int EDGE = 1 << 31;

    /** There is space to write. */
    public static final int OUT = 4;

    /** Reported whether asked for or not. */
    public static final int ERROR = 8;

    /** The other end is gone. Reported whether asked for or not. */
    public static final int HANG_UP = 0x10;

    private static final int ADD = 1;
    private static final int DELETE = 2;
    private static final int MODIFY = 3;

    // struct epoll_event, packed on x86-64: events u32 @0, data u64 @4; 12 bytes
    private static final int EVENT_SIZE = 12;

    private final Fd fd;
    private final int capacity;
    private final MemorySegment events;
    private final MemorySegment change;

    /**
     * @param capacity events that one wait can report; the others come with the next
     */
    public Epoll(int capacity) {
        this.capacity = capacity;
        var arena = Arena.ofAuto();
        events = arena.allocate((long) EVENT_SIZE * capacity, 8);
        change = arena.allocate(EVENT_SIZE, 8);
        fd = Fd.own(Syscall.check("epoll_create1", Syscall.call(Syscall.EPOLL_CREATE1, 0x80000)));
    }

    /** Returns a descriptor that can be read while there is an event to wait for. */
    public Fd fd() {
        return fd;
    }

    /** Watches {@code watched} for {@code interest}; {@code token} comes back with its events. */
    public void add(Fd watched, int interest, long token) {
        control("epoll_ctl ADD", ADD, watched, interest, token);
    }

    /** Hot. Changes what is watched for. */
    public void modify(Fd watched, int interest, long token) {
        control("epoll_ctl MOD", MODIFY, watched, interest, token);
    }

    /** Stops watching. Do it before closing: a duplicate elsewhere would keep the watch alive. */
    public void remove(Fd watched) {
        control("epoll_ctl DEL", DELETE, watched, 0, 0);
    }

    private void control(String name, int operation, Fd watched, int interest, long token) {
        change.set(JAVA_INT, 0, interest);
        change.set(JAVA_LONG_UNALIGNED, 4, token);
        Syscall.check(
                name,
                Syscall.call(
                        Syscall.EPOLL_CTL,
                        fd.number(),
                        operation,
                        watched.number(),
                        change.address(),
                        0,
                        0));
    }

    /**
     * Hot. Waits for events.
     *
     * @param milliseconds how long at most; 0 returns at once, -1 waits for ever
     * @return how many events there are; 0 after the time or a signal
     */
    public int await(int milliseconds) {
        long n =
                Syscall.call(
                        Syscall.EPOLL_WAIT,
                        fd.number(),
                        events.address(),
                        capacity,
                        milliseconds,
                        0,
                        0);
        return n == -Errno.EINTR ? 0 : (int) Syscall.check("epoll_wait", n);
    }

    /** Hot. Returns the token of event {@code index} of the last wait. */
    public long token(int index) {
        return events.get(JAVA_LONG_UNALIGNED, (long) index * EVENT_SIZE + 4);
    }

    /** Hot. Returns what happened: bits of {@link #IN} and so on. */
    public int happened(int index) {
        return events.get(JAVA_INT, (long) index * EVENT_SIZE);
    }

    @Override
    public void close() {
        fd.close();
    }
}
