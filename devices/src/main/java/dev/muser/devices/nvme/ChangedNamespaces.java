package dev.muser.devices.nvme;

import dev.muser.device.pci.DeviceState;
import dev.muser.device.pci.StateArray;
import dev.muser.device.pci.Width;

/**
 * The changed namespace list (NVMe base 1.4, 5.14.1.4): what has changed since it was read.
 *
 * <p>Bits by identifier. What is on its way to the driver is kept until it is there: a successor
 * has to send it once more.
 */
final class ChangedNamespaces {
    private static final int BYTES = Namespaces.MOST / 8 + 8;

    private final StateArray changed;
    private final StateArray beingRead;

    ChangedNamespaces(DeviceState state) {
        changed = state.array("nvme.changed_namespaces", BYTES);
        beingRead = state.array("nvme.changed_namespaces.being_read", BYTES);
    }

    void add(int id) {
        long at = id / 8;
        changed.set(at, Width.U8, changed.get(at, Width.U8) | 1L << id % 8);
    }

    /** The driver begins to read it: what changes from now on is for the next time. */
    void take() {
        for (int at = 0; at < BYTES; at += 8) {
            long both = changed.get(at, Width.U64) | beingRead.get(at, Width.U64);
            beingRead.set(at, Width.U64, both);
            changed.set(at, Width.U64, 0);
        }
    }

    /** The driver has it. */
    void taken() {
        beingRead.clear();
    }

    /** A process before this one was about to tell of some: they are to be told again. */
    void open() {
        for (int at = 0; at < BYTES; at += 8) {
            long both = changed.get(at, Width.U64) | beingRead.get(at, Width.U64);
            changed.set(at, Width.U64, both);
        }
        taken();
    }

    void clear() {
        changed.clear();
        beingRead.clear();
    }

    /** In ascending order, then zeros. There are never more than fit. */
    DataStructure page() {
        var s = new DataStructure(4096);
        long at = 0;
        for (int id = 1; id <= Namespaces.MOST; id++) {
            if ((changed.get(id / 8, Width.U8) >>> id % 8 & 1) != 0) {
                s.u32(at, id);
                at += 4;
            }
        }
        return s;
    }
}
