package dev.muser.device.pci;

import java.lang.foreign.MemorySegment;

/** Memory in a BAR that lies in the device's state; zero at reset. */
record StateMemory(StateArray bytes) implements BarArea {
    @Override
    public void read(long offset, MemorySegment buffer, long at, int count) {
        MemorySegment.copy(bytes.bytes(), offset, buffer, at, count);
    }

    @Override
    public void write(long offset, MemorySegment buffer, long at, int count) {
        bytes.copyFrom(offset, buffer, at, count);
    }

    @Override
    public void reset() {
        bytes.clear();
    }
}
