package dev.muser.device.pci;

import dev.muser.device.EventLoop;
import dev.muser.device.IrqAction;
import dev.muser.device.IrqInfo;
import dev.muser.device.VfioException;
import dev.muser.linux.Errno;
import dev.muser.linux.EventFd;
import dev.muser.linux.Fd;
import java.util.List;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/** One of the interrupt indexes of VFIO: its eventfds, and what can be done with them. */
abstract sealed class IrqIndex permits IntxIrq, MessageIrqs, NotificationIrq {
    final EventFdTable triggers;

    private final String name;
    private final IrqInfo info;
    private final EventLoop loop;

    /** Null when there is nothing that can be masked. */
    private final @Nullable TakenSignal masking;

    private final @Nullable TakenSignal unmasking;
    private @Nullable WatchedEventFds maskers;
    private @Nullable WatchedEventFds unmaskers;

    /** A session is being built up again: nothing goes out before all of it is there. */
    private boolean held;

    private boolean stopped;

    /** An index that cannot be masked. */
    IrqIndex(String name, IrqInfo info, EventLoop loop) {
        this.name = name;
        this.info = info;
        this.loop = loop;
        masking = null;
        unmasking = null;
        triggers = new EventFdTable(info.count());
    }

    /**
     * An index that can be masked.
     *
     * @param prefix of the names of its state, such as {@code pci.msi}
     */
    IrqIndex(String name, IrqInfo info, String prefix, DeviceState state, EventLoop loop) {
        this.name = name;
        this.info = info;
        this.loop = loop;
        boolean present = info.count() != 0;
        masking = present ? new TakenSignal(state, prefix + ".masking") : null;
        unmasking = present ? new TakenSignal(state, prefix + ".unmasking") : null;
        triggers = new EventFdTable(info.count());
    }

    /** Hot. Whether the device stands still, and signals nothing. */
    final boolean stopped() {
        return stopped;
    }

    final void stopped(boolean now) {
        stopped = now;
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
        if (action != IrqAction.TRIGGER && masking == null) {
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
        } catch (RuntimeException | Error e) {
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
                if (!held) {
                    installed(vector);
                }
            }
            case MASK -> {
                if (maskers == null) {
                    maskers = watched(masking, this::mask);
                }
                maskers.set(vector, fd);
            }
            case UNMASK -> {
                if (unmaskers == null) {
                    unmaskers = watched(unmasking, this::unmask);
                }
                unmaskers.set(vector, fd);
            }
        }
    }

    private WatchedEventFds watched(@Nullable TakenSignal taken, IntConsumer signalled) {
        if (taken == null) {
            throw new IllegalStateException(name + " cannot be masked");
        }
        return new WatchedEventFds(loop, count(), taken, signalled);
    }

    /** Signals nothing on installation until {@link #release}. */
    final void hold() {
        held = true;
    }

    final void release() {
        held = false;
    }

    /** Acts on what a process before this one took from the client's eventfds when it died. */
    final void actOnLeft() {
        if (masking != null && unmasking != null) {
            int mask = masking.takeLeft();
            int unmask = unmasking.takeLeft();
            if (mask >= 0 && mask < count()) {
                mask(mask);
            }
            if (unmask >= 0 && unmask < count()) {
                unmask(unmask);
            }
        }
    }

    /** Closes all eventfds; what is masked and pending stays as it is. */
    final void abandon() {
        triggers.clear();
        if (maskers != null) {
            maskers.clear();
        }
        if (unmaskers != null) {
            unmaskers.clear();
        }
    }

    /** Removes all eventfds; nothing is masked any more. */
    final void disable() {
        abandon();
        if (count() != 0) {
            disabled();
        }
    }
}
