package dev.muser.devices.nvme;

import dev.muser.device.pci.DeviceState;
import dev.muser.device.pci.StateArray;
import dev.muser.device.pci.Width;

/**
 * Events that are to be reported, oldest at first, all different: 32 bits each, then 0. There are
 * at most as many as there are kinds.
 */
final class PendingEvents {
    private static final int MOST = 15;

    private final StateArray list;

    PendingEvents(DeviceState state) {
        list = state.array("nvme.events.pending", 4 * (MOST + 1));
    }

    int get(int index) {
        return (int) list.get(4L * index, Width.U32);
    }

    private void set(int index, int event) {
        list.set(4L * index, Width.U32, event);
    }

    int size() {
        int n = 0;
        while (n < MOST && get(n) != 0) {
            n++;
        }
        return n;
    }

    /** Adds an event that is not 0; returns false when it is there already. */
    boolean add(int event) {
        int n = size();
        for (int i = 0; i < n; i++) {
            if (get(i) == event) {
                return false;
            }
        }
        if (n == MOST) {
            throw new IllegalStateException("more kinds of events than there are");
        }
        set(n, event);
        return true;
    }

    void remove(int index) {
        for (int i = index; i < size(); i++) {
            set(i, get(i + 1));
        }
    }

    /** Removes those of a type. */
    void removeType(int type) {
        for (int i = 0; i < size(); ) {
            if ((get(i) & 7) == type) {
                remove(i);
            } else {
                i++;
            }
        }
    }

    void clear() {
        list.clear();
    }
}
