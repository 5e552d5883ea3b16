package dev.muser.device.pci;

import dev.muser.service.LocalStore;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** A BAR in a device that consists of nothing else. */
final class BarFixture implements AutoCloseable {
    final DeviceState state = new DeviceState();
    final LocalStore store = new LocalStore();
    final BarMemory memory = new BarMemory(store);
    // JUnit runs a test, and what comes before and after it, on different threads
    final Arena arena = Arena.ofShared();
    final MemorySegment buffer = arena.allocate(1 << 20, 8);
    final Bar bar;

    BarFixture(int index, long size) {
        bar = new Bar(index, size, state, memory);
    }

    /** What the framework does after the device's constructor. */
    void start() {
        bar.seal();
        state.bind(arena.allocate(state.layout().size(), 8));
        bar.reset();
        memory.on();
    }

    long read(long offset, int count) {
        buffer.fill((byte) 0xa5);
        bar.read(offset, buffer, 8, count);
        long value = 0;
        for (int i = count - 1; i >= 0; i--) {
            value = value << 8 | (buffer.get(ValueLayout.JAVA_BYTE, 8 + i) & 0xff);
        }
        return value;
    }

    byte[] readBytes(long offset, int count) {
        bar.read(offset, buffer, 16, count);
        return buffer.asSlice(16, count).toArray(ValueLayout.JAVA_BYTE);
    }

    void write(long offset, int count, long value) {
        for (int i = 0; i < count; i++) {
            buffer.set(ValueLayout.JAVA_BYTE, 8 + i, (byte) (value >>> (8 * i)));
        }
        bar.write(offset, buffer, 8, count);
    }

    @Override
    public void close() {
        memory.close();
        store.close();
        arena.close();
    }
}
