package dev.muser.device.pci;

import dev.muser.device.EventLoop;
import dev.muser.linux.Errno;
import dev.muser.linux.EventFd;
import dev.muser.linux.Fd;
import java.util.HashMap;
import java.util.Map;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/** Eventfds by whose signal a client masks or unmasks the interrupts of one index; owns them. */
final class WatchedEventFds {
    private record Watched(Fd fd, EventLoop.Registration registration) {
        void close() {
            registration.close();
            fd.close();
        }
    }

    private final EventLoop loop;
    private final IntConsumer signalled;
    private final Map<Integer, Watched> byVector = new HashMap<>();

    /**
     * @param signalled is given the interrupt whose eventfd was signalled
     */
    WatchedEventFds(EventLoop loop, IntConsumer signalled) {
        this.loop = loop;
        this.signalled = signalled;
    }

    /** Puts {@code fd} there, or nothing, and closes what was there before. */
    void set(int vector, @Nullable Fd fd) {
        var old = byVector.remove(vector);
        if (old != null) {
            old.close();
        }
        if (fd != null) {
            var registration = loop.watch(fd, () -> readable(vector, fd));
            byVector.put(vector, new Watched(fd, registration));
        }
    }

    private void readable(int vector, Fd fd) {
        if (EventFd.take(fd) != -Errno.EAGAIN) {
            signalled.accept(vector);
        }
    }

    void clear() {
        byVector.values().forEach(Watched::close);
        byVector.clear();
    }
}
