package dev.muser.device.pci;

import dev.muser.device.EventLoop;
import dev.muser.device.IrqInfo;
import org.jspecify.annotations.Nullable;

/**
 * The vectors of MSI or MSI-X. A message that is masked, by the client or by the driver, or has
 * nowhere to go is pending until that changes.
 */
final class MessageIrqs extends IrqIndex {
    private final @Nullable MessageCapability capability;
    private final @Nullable StateBits masked;
    private final @Nullable StateBits pending;

    /**
     * @param prefix of the names of its state, such as {@code pci.msi}
     * @param capability null when the device has none
     */
    MessageIrqs(
            String name,
            String prefix,
            @Nullable MessageCapability capability,
            DeviceState state,
            EventLoop loop) {
        super(
                name,
                new IrqInfo(
                        capability == null ? 0 : capability.vectors(), true, false, false, false),
                prefix,
                state,
                loop);
        this.capability = capability;
        masked = capability == null ? null : new StateBits(state, prefix + ".masked", count());
        state.ofSession(prefix + ".masked");
        pending = capability == null ? null : new StateBits(state, prefix + ".pending", count());
    }

    /** Hot. Whether interrupts go this way: the client or the driver has switched it on. */
    boolean active() {
        return triggers.any() || (capability != null && capability.enabled());
    }

    /** Hot. Sends a message, now or when it may go. */
    void post(int vector) {
        var c = require();
        int used = c.allocated(vector);
        if (blocked(used)) {
            setPending(used, true);
        } else {
            triggers.signal(used);
        }
    }

    /** Hot. Sends what is pending and may go now. */
    void deliver() {
        if (pending == null) {
            return;
        }
        for (int i = 0; i < pending.wordCount(); i++) {
            for (long word = pending.word(i); word != 0; word &= word - 1) {
                deliver(64 * i + Long.numberOfTrailingZeros(word));
            }
        }
    }

    /** Hot. Sends the message of one vector if it is pending and may go. */
    void deliver(int vector) {
        if (bits(pending).get(vector) && !blocked(vector)) {
            setPending(vector, false);
            triggers.signal(vector);
        }
    }

    /**
     * Hot. The condition behind {@code vector} is gone: its message, if still pending, is not sent
     * (PCI Local Bus 3.0, 6.8.3.4), unless another of the {@code raised} ones shares it.
     */
    void withdraw(int vector, StateBits raised) {
        var c = require();
        int used = c.allocated(vector);
        if (!bits(pending).get(used)) {
            return;
        }
        for (int i = 0; i < raised.wordCount(); i++) {
            for (long word = raised.word(i); word != 0; word &= word - 1) {
                if (c.allocated(64 * i + Long.numberOfTrailingZeros(word)) == used) {
                    return;
                }
            }
        }
        setPending(used, false);
    }

    private boolean blocked(int vector) {
        return stopped()
                || !triggers.has(vector)
                || bits(masked).get(vector)
                || require().masked(vector);
    }

    private void setPending(int vector, boolean value) {
        if (bits(pending).set(vector, value)) {
            require().pending(vector, value);
        }
    }

    /** Returns the pending bits; the device has the capability. */
    StateBits pending() {
        return bits(pending);
    }

    @Override
    void mask(int vector) {
        bits(masked).set(vector, true);
    }

    @Override
    void unmask(int vector) {
        bits(masked).set(vector, false);
        deliver(vector);
    }

    @Override
    void installed(int vector) {
        deliver(vector);
    }

    /**
     * QEMU does this, and installs more eventfds, when the driver uses a vector more. The driver
     * still has the capability enabled then, and must not lose a message by it.
     */
    @Override
    void disabled() {
        if (require().enabled()) {
            bits(masked).clear();
        } else {
            forget();
        }
    }

    @Override
    void forget() {
        bits(masked).clear();
        for (int i = 0; i < bits(pending).wordCount(); i++) {
            for (long word = bits(pending).word(i); word != 0; word &= word - 1) {
                setPending(64 * i + Long.numberOfTrailingZeros(word), false);
            }
        }
    }

    private MessageCapability require() {
        if (capability == null) {
            throw new IllegalStateException("the device has no such capability");
        }
        return capability;
    }

    private static StateBits bits(@Nullable StateBits bits) {
        if (bits == null) {
            throw new IllegalStateException("the device has no such capability");
        }
        return bits;
    }
}
