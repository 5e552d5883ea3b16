package dev.muser.testkit.streams;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.muser.device.DmaAccess;
import dev.muser.device.Migration;
import dev.muser.device.MigrationState;
import dev.muser.device.pci.DeviceFactory;
import dev.muser.linux.Fd;
import dev.muser.linux.MemoryFile;
import dev.muser.testkit.InProcessDevice;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import java.util.function.BooleanSupplier;

/** A device, and 64 KiB of memory that it reaches at an address that is always the same. */
final class Bench implements AutoCloseable {
    static final long MEMORY = 0x10_0000;

    private static final int SIZE = 0x1_0000;
    private static final int PIECE = 4096;
    private static final long PATIENCE = 30_000_000_000L;

    private final InProcessDevice device;
    private final Fd memory = MemoryFile.create("bench", SIZE);
    private final MemorySegment buffer = Arena.ofAuto().allocate(SIZE, 8);

    Bench(DeviceFactory factory) {
        device = InProcessDevice.of(factory);
        device.attach(null);
        device.mapDma(MEMORY, SIZE, DmaAccess.READ_WRITE, memory.duplicate(), 0);
    }

    long read(int region, long offset, int count) {
        device.readRegion(region, offset, buffer, 0, count);
        return number(count);
    }

    void write(int region, long offset, int count, long value) {
        put(count, value);
        device.writeRegion(region, offset, buffer, 0, count);
    }

    /** Returns a number of the client's memory. */
    long load(int at, int count) {
        memory.readAt(at, buffer, 0, count);
        return number(count);
    }

    void store(int at, int count, long value) {
        put(count, value);
        memory.writeAt(at, buffer, 0, count);
    }

    void fill(int at, int count, int value) {
        memory.writeAt(at, buffer.asSlice(0, count).fill((byte) value), 0, count);
    }

    byte[] bytes(int at, int count) {
        memory.readAt(at, buffer, 0, count);
        return buffer.asSlice(0, count).toArray(JAVA_BYTE);
    }

    private long number(int count) {
        long value = 0;
        for (int i = count - 1; i >= 0; i--) {
            value = value << 8 | (buffer.get(JAVA_BYTE, i) & 0xff);
        }
        return value;
    }

    private void put(int count, long value) {
        for (int i = 0; i < count; i++) {
            buffer.set(JAVA_BYTE, i, (byte) (value >>> (8 * i)));
        }
    }

    /** Lets the device go on until something is so. */
    void await(BooleanSupplier condition) {
        long end = System.nanoTime() + PATIENCE;
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() > end) {
                throw new AssertionError("it never came to that");
            }
            device.serve();
        }
    }

    private Migration migration() {
        return Objects.requireNonNull(device.migration());
    }

    /** Stops the device and returns all that moves of it. */
    byte[] save() {
        await(() -> migration().prepare(MigrationState.STOP_COPY));
        migration().moveTo(MigrationState.STOP_COPY);
        var all = new ByteArrayOutputStream();
        int n;
        do {
            n = migration().read(buffer, 0, PIECE);
            all.writeBytes(buffer.asSlice(0, n).toArray(JAVA_BYTE));
        } while (n == PIECE);
        return all.toByteArray();
    }

    /** Becomes what a stream says, and runs. */
    void resume(byte[] stream) {
        migration().moveTo(MigrationState.RESUMING);
        for (int at = 0; at < stream.length; at += PIECE) {
            int n = Math.min(PIECE, stream.length - at);
            MemorySegment.copy(stream, at, buffer, JAVA_BYTE, 0, n);
            migration().write(buffer, 0, n);
        }
        migration().moveTo(MigrationState.RUNNING);
    }

    @Override
    public void close() {
        device.close();
        memory.close();
    }
}
