package dev.muser.server;

import dev.muser.device.IrqAction;
import dev.muser.device.VfioDevice;
import dev.muser.device.state.StateArea;
import dev.muser.device.state.StateMismatchException;
import dev.muser.device.state.StateSegment;
import java.util.List;

/** The eventfds of a client's interrupts, for a successor to install them again. */
final class KeptEventFds {
    private static final IrqAction[] ACTIONS = IrqAction.values();

    // the area: for each index, each action and each vector the kernel's number of the eventfd,
    // and 1; 0 for none
    private final StateArea area;
    private final KeptDescriptors descriptors;
    private final int[] counts;

    KeptEventFds(StateSegment segment, VfioDevice device, KeptDescriptors descriptors) {
        this.descriptors = descriptors;
        counts = new int[device.info().irqs()];
        int all = 0;
        for (int i = 0; i < counts.length; i++) {
            counts[i] = device.irqInfo(i).count();
            all += counts[i];
        }
        area = segment.area("irqs", 8L * ACTIONS.length * all);
    }

    @SuppressWarnings("EnumOrdinal") // both builds have the same three, in this order
    private long at(int index, IrqAction action, int vector) {
        long before = 0;
        for (int i = 0; i < index; i++) {
            before += counts[i];
        }
        long place = before * ACTIONS.length + (long) action.ordinal() * counts[index] + vector;
        return 8 * place;
    }

    /** Notes the eventfds that have been installed, which are held. */
    void install(int index, IrqAction action, int start, List<FdIdentity> held) {
        for (int i = 0; i < held.size(); i++) {
            put(index, action, start + i, held.get(i).event());
        }
    }

    void remove(int index, IrqAction action, int start, int count) {
        for (int i = 0; i < count; i++) {
            put(index, action, start + i, 0);
        }
    }

    private void put(int index, IrqAction action, int vector, long event) {
        long at = at(index, action, vector);
        long old = area.getLong(at);
        if (old != 0) {
            descriptors.drop(FdIdentity.ofEvent(old));
        }
        if (old != event) {
            area.setLong(at, event);
        }
    }

    void clear(int index) {
        for (var action : ACTIONS) {
            remove(index, action, 0, counts[index]);
        }
    }

    void clear() {
        for (int index = 0; index < counts.length; index++) {
            clear(index);
        }
    }

    /**
     * Installs all eventfds again that a process before this one had.
     *
     * @throws StateMismatchException when one is not kept
     */
    void restore(VfioDevice device) {
        for (int index = 0; index < counts.length; index++) {
            for (var action : ACTIONS) {
                for (int vector = 0; vector < counts[index]; vector++) {
                    long event = area.getLong(at(index, action, vector));
                    if (event != 0) {
                        restore(device, index, action, vector, FdIdentity.ofEvent(event));
                    }
                }
            }
        }
    }

    private void restore(
            VfioDevice device, int index, IrqAction action, int vector, FdIdentity identity) {
        var fd = descriptors.find(identity);
        if (fd == null) {
            throw new StateMismatchException(
                    "the eventfd of vector %d of interrupt index %d is not kept"
                            .formatted(vector, index));
        }
        descriptors.holdAgain(identity);
        device.setIrqEventFds(index, action, vector, List.of(fd));
    }
}
