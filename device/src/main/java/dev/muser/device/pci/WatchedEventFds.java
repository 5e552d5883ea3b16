package dev.muser.device.pci;

import dev.muser.device.EventLoop;
import dev.muser.linux.Epoll;
import dev.muser.linux.Errno;
import dev.muser.linux.EventFd;
import dev.muser.linux.Fd;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Eventfds by whose signal a client masks or unmasks the interrupts of one index; owns them.
 *
 * <p>The loop watches one descriptor for all of them, and a few are acted upon in each turn: a
 * client that signals thousands of them without end is one source among the others.
 */
final class WatchedEventFds {
    private static final int PER_TURN = 16;

    /** What there is only as long as there are eventfds. */
    private record Watch(Epoll epoll, EventLoop.Registration registration) {
        void close() {
            registration.close();
            epoll.close();
        }
    }

    private final EventLoop loop;
    private final int count;
    private final TakenSignal taken;
    private final IntConsumer signalled;
    private @Nullable Fd @Nullable [] byVector;
    private int installed;
    private @Nullable Watch watch;

    /**
     * @param count how many interrupts the index has
     * @param taken where a signal is noted while it is acted upon
     * @param signalled is given the interrupt whose eventfd was signalled
     */
    WatchedEventFds(EventLoop loop, int count, TakenSignal taken, IntConsumer signalled) {
        this.loop = loop;
        this.count = count;
        this.taken = taken;
        this.signalled = signalled;
    }

    /** Puts {@code fd} there, or nothing, and closes what was there before. */
    void set(int vector, @Nullable Fd fd) {
        remove(vector);
        if (fd != null) {
            try {
                add(vector, fd);
            } catch (RuntimeException e) {
                fd.close();
                closeUnused();
                throw e;
            }
        }
        closeUnused();
    }

    private void add(int vector, Fd fd) {
        var w = watch;
        if (w == null) {
            w = open();
            watch = w;
        }
        w.epoll.add(fd, Epoll.IN, vector);
        var fds = byVector;
        if (fds == null) {
            fds = new Fd[count];
            byVector = fds;
        }
        fds[vector] = fd;
        installed++;
    }

    private Watch open() {
        var epoll = new Epoll(PER_TURN);
        try {
            return new Watch(epoll, loop.watch(epoll.fd(), () -> act(epoll)));
        } catch (RuntimeException e) {
            epoll.close();
            throw e;
        }
    }

    private void act(Epoll epoll) {
        int n = epoll.await(0);
        for (int i = 0; i < n; i++) {
            int vector = (int) epoll.token(i);
            var fds = byVector;
            var fd = fds == null ? null : fds[vector];
            if (fd != null) {
                taken.note(vector);
                if (EventFd.take(fd) != -Errno.EAGAIN) {
                    signalled.accept(vector);
                }
                taken.done();
            }
        }
    }

    private void remove(int vector) {
        var fds = byVector;
        var old = fds == null ? null : fds[vector];
        if (fds != null && old != null) {
            if (watch != null) {
                watch.epoll.remove(old);
            }
            fds[vector] = null;
            installed--;
            old.close();
        }
    }

    private void closeUnused() {
        if (installed == 0 && watch != null) {
            watch.close();
            watch = null;
            byVector = null;
        }
    }

    void clear() {
        for (int vector = 0; vector < count && installed != 0; vector++) {
            remove(vector);
        }
        closeUnused();
    }
}
