package dev.muser.client;

import dev.muser.device.Irq;
import dev.muser.device.IrqAction;
import dev.muser.device.VfioDevice;
import dev.muser.linux.Epoll;
import dev.muser.linux.EventFd;
import dev.muser.linux.Fd;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * One interrupt of a device, as a driver waits for it: INTx, or a vector of MSI or MSI-X. From
 * {@link PciFunction#interrupt}. Belongs to the driver's thread.
 */
public final class Interrupt implements AutoCloseable {
    private final VfioDevice device;
    private final BackgroundWork work;
    private final int index;
    private final int number;
    private final boolean autoMasked;
    private final Fd eventFd;
    private final MemorySegment scratch = Arena.ofAuto().allocate(8, 8);
    private @Nullable Epoll epoll;

    /** For an eventfd that has been installed, and is closed by this. */
    Interrupt(
            VfioDevice device,
            BackgroundWork work,
            int index,
            int number,
            boolean autoMasked,
            Fd eventFd) {
        this.device = device;
        this.work = work;
        this.index = index;
        this.number = number;
        this.autoMasked = autoMasked;
        this.eventFd = eventFd;
    }

    /**
     * Hot. Waits for the interrupt. What the device asks for meanwhile, such as DMA by message, is
     * served.
     *
     * @return how often it was signalled since the last call; 0 when it was not within {@code
     *     timeout}
     * @throws DisconnectedException when the device is gone
     */
    public long await(Duration timeout) {
        long deadline = System.nanoTime() + timeout.toNanos();
        while (true) {
            long count = take();
            if (count > 0) {
                return count;
            }
            boolean again = work.serve();
            long left = deadline - System.nanoTime();
            if (left <= 0) {
                return Math.max(0, take());
            }
            waitSet().await(again ? 0 : milliseconds(left));
        }
    }

    /** Hot. As {@link #await}, without waiting: for a driver that polls. */
    public long poll() {
        work.serve();
        return Math.max(0, take());
    }

    /**
     * Lets it be delivered again, where each delivery masks it, as INTx is: after the device has
     * been told that its reason is dealt with. Does nothing otherwise.
     */
    public void rearm() {
        if (autoMasked) {
            unmask();
        }
    }

    /** Ends {@link #mask}. */
    public void unmask() {
        device.setIrqs(index, IrqAction.UNMASK, number, 1);
    }

    /** Holds it back until {@link #unmask}. */
    public void mask() {
        device.setIrqs(index, IrqAction.MASK, number, 1);
    }

    /** Returns the eventfd, for a driver with a wait loop of its own; it stays this one's. */
    public Fd descriptor() {
        return eventFd;
    }

    /** Removes it from the device. Idempotent. */
    @Override
    public void close() {
        if (!eventFd.isOpen()) {
            return;
        }
        try {
            device.clearIrqEventFds(index, IrqAction.TRIGGER, number, 1);
        } catch (DisconnectedException gone) {
            return; // and with it its eventfds
        } finally {
            abandon();
        }
    }

    @Override
    public String toString() {
        return switch (index) {
            case Irq.INTX -> "INTx";
            case Irq.MSI -> "MSI vector " + number;
            case Irq.MSIX -> "MSI-X vector " + number;
            default -> "interrupt %d of index %d".formatted(number, index);
        };
    }

    boolean isOpen() {
        return eventFd.isOpen();
    }

    boolean is(int otherIndex, int otherNumber) {
        return isOpen() && index == otherIndex && number == otherNumber;
    }

    boolean isSame(Interrupt other) {
        return is(other.index, other.number);
    }

    /** Closes without telling the device, which has another eventfd by now. */
    void abandon() {
        if (epoll != null) {
            epoll.close();
        }
        eventFd.close();
    }

    private long take() {
        return EventFd.take(eventFd, scratch);
    }

    private Epoll waitSet() {
        var set = epoll;
        if (set == null) {
            set = new Epoll(4);
            set.add(eventFd, Epoll.IN, 0);
            for (var fd : work.descriptors()) {
                set.add(fd, Epoll.IN, 1);
            }
            epoll = set;
        }
        return set;
    }

    private static int milliseconds(long nanos) {
        return (int) Math.min(Integer.MAX_VALUE, (nanos + 999_999) / 1_000_000);
    }
}
