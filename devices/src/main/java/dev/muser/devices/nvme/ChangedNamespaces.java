package dev.muser.devices.nvme;

import java.util.BitSet;

/** The changed namespace list (NVMe base 1.4, 5.14.1.4): what has changed since it was read. */
final class ChangedNamespaces {
    private final BitSet ids = new BitSet(Namespaces.MOST + 1);

    void add(int id) {
        ids.set(id);
    }

    void clear() {
        ids.clear();
    }

    /** In ascending order, then zeros. There are never more than fit. */
    DataStructure page() {
        var s = new DataStructure(4096);
        long at = 0;
        for (int id = ids.nextSetBit(0); id >= 0; id = ids.nextSetBit(id + 1)) {
            s.u32(at, id);
            at += 4;
        }
        return s;
    }
}
