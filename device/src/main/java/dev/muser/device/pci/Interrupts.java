package dev.muser.device.pci;

import dev.muser.device.EventLoop;
import dev.muser.device.Irq;
import dev.muser.device.VfioException;
import dev.muser.linux.Errno;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The interrupts of a device and the way they go: as MSI-X when the client has installed an eventfd
 * for it or the driver has enabled it, else as MSI likewise, else by INTx.
 *
 * <p>Eventfds are the client's and end with its session. What is raised, masked and pending is in
 * the device's state.
 */
final class Interrupts {
    /** As many as MSI-X can have. */
    static final int LIMIT = 2048;

    private final Map<Integer, Interrupt> handles = new TreeMap<>();
    private final StateBits raised;
    private @Nullable IntxIrq intx;
    private @Nullable MessageIrqs msi;
    private @Nullable MessageIrqs msix;
    private final IrqIndex[] indexes = new IrqIndex[Irq.COUNT];
    private @Nullable MsiX table;
    private @Nullable Msi messages;
    private boolean held;

    Interrupts(DeviceState state) {
        raised = new StateBits(state, "pci.interrupts", LIMIT);
    }

    /** Returns the author's handle for {@code vector}, always the same one. */
    Interrupt interrupt(int vector) {
        if (vector < 0 || vector >= LIMIT) {
            throw new IllegalArgumentException(
                    "interrupt %d is not in 0 to %d".formatted(vector, LIMIT - 1));
        }
        if (intx != null && !handles.containsKey(vector)) {
            throw new IllegalStateException(
                    "interrupt %d is declared after the device was constructed".formatted(vector));
        }
        return handles.computeIfAbsent(vector, v -> new Interrupt(this, v));
    }

    void capability(Msi capability) {
        if (messages != null) {
            throw new IllegalArgumentException("a device has one MSI capability, this is another");
        }
        messages = capability;
    }

    void capability(MsiX capability) {
        if (table != null) {
            throw new IllegalArgumentException(
                    "a device has one MSI-X capability, this is another");
        }
        table = capability;
    }

    /** Puts what MSI-X keeps in BARs there. */
    void claim(@Nullable Bar[] bars) {
        if (table != null) {
            table.claim(bars);
        }
    }

    /** Ends the declarations. */
    void seal(
            boolean pin,
            boolean automasked,
            NotificationIrq error,
            NotificationIrq request,
            ConfigSpace config,
            DeviceState state,
            EventLoop loop) {
        if (!handles.isEmpty() && !pin && table == null && messages == null) {
            throw new IllegalArgumentException(
                    "the device's interrupts reach no driver: call intx(), or add an Msi or MsiX"
                            + " capability");
        }
        int vectors = table != null ? table.vectors() : messages != null ? messages.vectors() : 1;
        for (int vector : handles.keySet()) {
            if (vector >= vectors) {
                throw new IllegalArgumentException(
                        "interrupt %d: the device has %d vectors".formatted(vector, vectors));
            }
        }
        intx = new IntxIrq(pin, automasked, config, state, this, loop);
        msi = new MessageIrqs("MSI", "pci.msi", messages, state, loop);
        msix = new MessageIrqs("MSI-X", "pci.msix", table, state, loop);
        indexes[Irq.INTX] = intx;
        indexes[Irq.MSI] = msi;
        indexes[Irq.MSIX] = msix;
        indexes[Irq.ERR] = error;
        indexes[Irq.REQ] = request;
        if (table != null) {
            table.seal(msix, state);
        }
    }

    /** Returns the index; EINVAL when VFIO has none of that number. */
    IrqIndex index(int index) {
        if (index < 0 || index >= Irq.COUNT) {
            throw new VfioException(
                    Errno.EINVAL,
                    "interrupt index %s of %d"
                            .formatted(Integer.toUnsignedString(index), Irq.COUNT));
        }
        return indexes[index];
    }

    /** Hot. Returns where messages go, or null when interrupts go by INTx. */
    @Nullable MessageIrqs messages() {
        if (msix != null && msix.active()) {
            return msix;
        }
        return msi != null && msi.active() ? msi : null;
    }

    /** Hot. Whether the INTx line is asserted. */
    boolean lineAsserted() {
        return messages() == null && raised.any();
    }

    boolean lineHeard() {
        return messages() == null && intx != null && intx.triggers.any();
    }

    /** Hot. */
    boolean raised(int vector) {
        return raised.get(vector);
    }

    /**
     * Hot.
     *
     * @param again whether a message goes out also when it was raised before
     */
    void raise(int vector, boolean again) {
        boolean rising = raised.set(vector, true);
        var m = messages();
        if (m == null) {
            updateLine();
        } else if (rising || again) {
            m.post(vector);
        }
    }

    /** Hot. */
    void lower(int vector) {
        if (!raised.set(vector, false)) {
            return;
        }
        var m = messages();
        if (m == null) {
            updateLine();
        } else {
            m.withdraw(vector, raised);
        }
    }

    private void updateLine() {
        if (intx != null) {
            intx.update();
        }
    }

    /** A session is being built up again: nothing goes out before {@link #restored}. */
    void hold() {
        held = true;
        for (var index : indexes) {
            index.hold();
        }
    }

    /** The client's eventfds are back: what a process before this one left undone is done. */
    void restored() {
        held = false;
        for (var index : indexes) {
            index.release();
        }
        for (var index : indexes) {
            index.actOnLeft();
        }
        update();
    }

    /** The device stands still: what is due is kept for later. Or it goes on. */
    void stopped(boolean now) {
        for (var index : indexes) {
            index.stopped(now);
        }
        if (!now && !held) {
            update();
        }
    }

    /** Eventfds were installed or removed. */
    void installed() {
        if (!held) {
            update();
        }
    }

    /** Closes the client's eventfds and leaves all else as it is. */
    void abandon() {
        for (var index : indexes) {
            index.abandon();
        }
    }

    /** The driver or the client may have changed the way interrupts go, or what is masked. */
    void update() {
        updateLine();
        if (msix != null) {
            msix.deliver();
        }
        if (msi != null) {
            msi.deliver();
        }
    }

    /**
     * Nothing is raised, masked or pending; eventfds stay. Configuration space and BARs, where the
     * driver has its say, are reset already.
     */
    void reset() {
        raised.clear();
        for (var index : indexes) {
            if (index.count() != 0) {
                index.forget();
            }
        }
        updateLine();
    }

    /** Removes all eventfds; nothing is masked and nothing pending. */
    void detach() {
        for (var index : indexes) {
            index.disable();
            if (index.count() != 0) {
                index.forget();
            }
        }
        updateLine();
    }
}
