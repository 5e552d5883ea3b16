package dev.muser.device.pci;

import dev.muser.linux.EventFd;
import dev.muser.linux.Fd;
import org.jspecify.annotations.Nullable;

/** The eventfds that a client has installed for the interrupts of one index; owns them. */
final class EventFdTable {
    private final int count;
    private @Nullable Fd @Nullable [] fds;
    private int installed;

    EventFdTable(int count) {
        this.count = count;
    }

    /** Hot. Whether there is any at all. */
    boolean any() {
        return installed != 0;
    }

    /** Hot. */
    boolean has(int vector) {
        var f = fds;
        return f != null && f[vector] != null;
    }

    /** Hot. Adds 1 to the eventfd, if there is one. */
    void signal(int vector) {
        var f = fds;
        if (f != null) {
            var fd = f[vector];
            if (fd != null) {
                EventFd.signal(fd);
            }
        }
    }

    /** Puts {@code fd} there, or nothing, and closes what was there before. */
    void set(int vector, @Nullable Fd fd) {
        var f = fds;
        if (f == null) {
            if (fd == null) {
                return;
            }
            f = new Fd[count];
            fds = f;
        }
        var old = f[vector];
        f[vector] = fd;
        installed += (fd == null ? 0 : 1) - (old == null ? 0 : 1);
        if (old != null) {
            old.close();
        }
    }

    void clear() {
        for (int i = 0; i < count && installed != 0; i++) {
            set(i, null);
        }
        fds = null;
    }
}
