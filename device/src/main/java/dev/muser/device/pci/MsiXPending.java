package dev.muser.device.pci;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** The MSI-X pending bit array: read-only, a bit for each vector. */
final class MsiXPending implements BarArea {
    private @Nullable MessageIrqs irqs;

    void seal(MessageIrqs of) {
        irqs = of;
    }

    @Override
    public void read(long offset, MemorySegment buffer, long at, int count) {
        if (irqs != null) {
            MemorySegment.copy(irqs.pending().words().bytes(), offset, buffer, at, count);
        }
    }

    @Override
    public void write(long offset, MemorySegment buffer, long at, int count) {
        // "Software should never write" it: PCI Local Bus 3.0, 6.8.2.10
    }
}
