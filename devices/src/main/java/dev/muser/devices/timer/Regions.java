package dev.muser.devices.timer;

import dev.muser.device.pci.DeviceState;
import dev.muser.device.pci.StateArray;
import dev.muser.device.pci.StateField;
import dev.muser.device.pci.Width;
import java.util.BitSet;

/** Where the client's memory is, in the order in which it was mapped; in the device's state. */
final class Regions {
    private final StateField count;
    private final StateArray addresses;

    /** Those that this process was told of: the others could not be mapped again. */
    private final BitSet told = new BitSet();

    Regions(DeviceState state, int limit) {
        count = state.field("timer.regions", Width.U8);
        addresses = state.array("timer.regions.iova", 8L * limit);
    }

    int count() {
        return (int) count.get();
    }

    /** Returns where region {@code index} begins, the first mapped being 0. */
    long iova(int index) {
        return addresses.get(8L * index, Width.U64);
    }

    /** A process that takes over is told again of those that are known. */
    void add(long iova) {
        int index = find(iova);
        if (index == count()) {
            addresses.set(8L * index, Width.U64, iova);
            count.set(index + 1);
        }
        told.set(index);
    }

    void remove(long iova) {
        int index = find(iova);
        if (index == count()) {
            return;
        }
        for (int i = index; i < count() - 1; i++) {
            addresses.set(8L * i, Width.U64, iova(i + 1));
            told.set(i, told.get(i + 1));
        }
        told.clear(count() - 1);
        count.set(count() - 1);
    }

    private int find(long iova) {
        int index = 0;
        while (index < count() && iova(index) != iova) {
            index++;
        }
        return index;
    }

    /** Forgets those that have not come back. */
    void restored() {
        for (int i = count() - 1; i >= 0; i--) {
            if (!told.get(i)) {
                remove(iova(i));
            }
        }
    }

    void clear() {
        count.set(0);
        told.clear();
    }
}
