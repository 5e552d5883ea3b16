package dev.muser.device.pci;

import dev.muser.device.EventLoop;
import dev.muser.device.IrqAction;
import dev.muser.device.IrqInfo;
import dev.muser.device.VfioException;
import dev.muser.linux.Errno;
import dev.muser.linux.EventFd;
import dev.muser.linux.Fd;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** One of the interrupt indexes of VFIO: its eventfds, and what can be done with them. */
abstract sealed class IrqIndex permits IntxIrq, MessageIrqs, NotificationIrq {
    final EventFdTable triggers;

    private final String name;
    private final IrqInfo info;
    private final boolean canMask;
    private final EventLoop loop;
    private @Nullable WatchedEventFds maskers;
    private @Nullable WatchedEventFds unmaskers;

    IrqIndex(String name, IrqInfo info, boolean canMask, EventLoop loop) {
        this.name = name;
        this.info = info;
        this.canMask = canMask;
        this.loop = loop;
        triggers = new EventFdTable(info.count());
    }

    final IrqInfo info() {
        return info;
    }

    final int count() {
        return info.count();
    }

    /** Masks, if the client may; only called when it may. */
    abstract void mask(int vector);

    /** Unmasks, and delivers what has waited for it. */
    abstract void unmask(int vector);

    /** The eventfd of a vector was installed or removed. */
    abstract void installed(int vector);

    /** Nothing is masked and nothing pending any more. */
    abstract void forget();

    /** The client has switched the index off, its eventfds are gone. */
    void disabled() {
        forget();
    }

    /** Throws EINVAL unless {@code action} is possible for all of the range. */
    final void require(IrqAction action, int start, int count) {
        if (start < 0 || count <= 0 || start >= count() || count > count() - start) {
            throw new VfioException(
                    Errno.EINVAL,
                    "%s has %d vectors, asked for %s from %s"
                            .formatted(
                                    name,
                                    count(),
                                    Integer.toUnsignedString(count),
                                    Integer.toUnsignedString(start)));
        }
        if (action != IrqAction.TRIGGER && !canMask) {
            throw new VfioException(Errno.EINVAL, name + " cannot be masked");
        }
    }

    /** Throws EINVAL when the index has no interrupts. */
    final void requirePresent() {
        require(IrqAction.TRIGGER, 0, 1);
    }

    /** Hot. The range has been checked. */
    final void act(IrqAction action, int vector) {
        switch (action) {
            case MASK -> mask(vector);
            case UNMASK -> unmask(vector);
            case TRIGGER -> triggers.signal(vector);
        }
    }

    /** Installs eventfds; takes them over also when it throws. */
    final void install(IrqAction action, int start, List<Fd> eventFds) {
        try {
            require(action, start, eventFds.size());
            for (var fd : eventFds) {
                if (!EventFd.is(fd)) {
                    throw new VfioException(Errno.EINVAL, name + ": " + fd + " is no eventfd");
                }
            }
        } catch (VfioException e) {
            eventFds.forEach(Fd::close);
            throw e;
        }
        int i = 0;
        try {
            for (; i < eventFds.size(); i++) {
                put(action, start + i, eventFds.get(i));
            }
        } catch (RuntimeException e) {
            eventFds.subList(i, eventFds.size()).forEach(Fd::close);
            throw e;
        }
    }

    /** Removes eventfds. */
    final void remove(IrqAction action, int start, int count) {
        require(action, start, count);
        for (int vector = start; vector < start + count; vector++) {
            put(action, vector, null);
        }
    }

    private void put(IrqAction action, int vector, @Nullable Fd fd) {
        switch (action) {
            case TRIGGER -> {
                triggers.set(vector, fd);
                installed(vector);
            }
            case MASK -> {
                if (maskers == null) {
                    maskers = new WatchedEventFds(loop, count(), this::mask);
                }
                maskers.set(vector, fd);
            }
            case UNMASK -> {
                if (unmaskers == null) {
                    unmaskers = new WatchedEventFds(loop, count(), this::unmask);
                }
                unmaskers.set(vector, fd);
            }
        }
    }

    /** Removes all eventfds; nothing is masked any more. */
    final void disable() {
        triggers.clear();
        if (maskers != null) {
            maskers.clear();
        }
        if (unmaskers != null) {
            unmaskers.clear();
        }
        if (count() != 0) {
            disabled();
        }
    }
}
