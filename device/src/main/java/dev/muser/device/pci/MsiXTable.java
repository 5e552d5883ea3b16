package dev.muser.device.pci;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * The MSI-X table (PCI Local Bus 3.0, 6.8.2.6 to 6.8.2.9).
 *
 * <pre>
 *   0  u32  message address
 *   4  u32  message upper address
 *   8  u32  message data
 *   c  u32  vector control: bit 0 mask, 1 after a reset
 * </pre>
 *
 * <p>VFIO clients that emulate the table, such as QEMU, never write this one, and say what is
 * masked by installing eventfds. So the mask bit of an entry counts only once the entry has been
 * written.
 */
final class MsiXTable implements BarArea {
    private static final int VECTOR_CONTROL = 12;

    private final MsiX capability;
    private @Nullable StateArray entries;
    private @Nullable StateBits written;
    private @Nullable MessageIrqs irqs;

    MsiXTable(MsiX capability) {
        this.capability = capability;
    }

    void seal(MessageIrqs of, DeviceState state) {
        irqs = of;
        entries = state.array("pci.msix.table", (long) MsiX.ENTRY * capability.vectors());
        written = new StateBits(state, "pci.msix.written", capability.vectors());
    }

    /** Hot. */
    boolean masked(int vector) {
        return written != null
                && written.get(vector)
                && (entries().get((long) MsiX.ENTRY * vector + VECTOR_CONTROL, Width.U32) & 1) != 0;
    }

    private StateArray entries() {
        var e = entries;
        if (e == null) {
            throw new IllegalStateException("the device is still being constructed");
        }
        return e;
    }

    @Override
    public void read(long offset, MemorySegment buffer, long at, int count) {
        MemorySegment.copy(entries().bytes(), offset, buffer, at, count);
    }

    @Override
    public void write(long offset, MemorySegment buffer, long at, int count) {
        if (count == 0 || written == null || irqs == null) {
            return;
        }
        entries().copyFrom(offset, buffer, at, count);
        int last = (int) ((offset + count - 1) / MsiX.ENTRY);
        for (int vector = (int) (offset / MsiX.ENTRY); vector <= last; vector++) {
            written.set(vector, true);
            irqs.deliver(vector);
        }
    }

    @Override
    public void reset() {
        if (written != null) {
            written.clear();
        }
        var e = entries();
        for (int vector = 0; vector < capability.vectors(); vector++) {
            long at = (long) MsiX.ENTRY * vector;
            e.set(at, Width.U64, 0);
            e.set(at + 8, Width.U64, 1L << 32);
        }
    }
}
