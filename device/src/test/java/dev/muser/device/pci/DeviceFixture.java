package dev.muser.device.pci;

import dev.muser.device.IrqAction;
import dev.muser.device.ManualLoop;
import dev.muser.device.Region;
import dev.muser.device.VfioException;
import dev.muser.linux.EventFd;
import dev.muser.linux.Fd;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** A device under test with a client that holds its eventfds. */
final class DeviceFixture implements AutoCloseable {
    final ManualLoop loop = new ManualLoop();
    // JUnit runs a test, and what comes before and after it, on different threads
    final Arena arena = Arena.ofShared();
    final MemorySegment buffer = arena.allocate(1 << 16, 8);
    final PciDevice device;
    private final List<Fd> held = new ArrayList<>();

    DeviceFixture(DeviceFactory factory) {
        device = PciDevice.create(factory, loop);
        device.attach(null);
    }

    /** A device with identity 1234:5678 that is nothing but its declarations. */
    static DeviceFixture of(Consumer<DeviceContext> declarations) {
        return new DeviceFixture(plain(declarations));
    }

    static DeviceFactory plain(Consumer<DeviceContext> declarations) {
        return context -> {
            context.identity(0x1234, 0x5678);
            declarations.accept(context);
            return new Device() {};
        };
    }

    long read(int region, long offset, int count) {
        buffer.fill((byte) 0xa5);
        device.readRegion(region, offset, buffer, 8, count);
        long value = 0;
        for (int i = count - 1; i >= 0; i--) {
            value = (value << 8) | (buffer.get(ValueLayout.JAVA_BYTE, 8L + i) & 0xff);
        }
        return value;
    }

    void write(int region, long offset, int count, long value) {
        for (int i = 0; i < count; i++) {
            buffer.set(ValueLayout.JAVA_BYTE, 8L + i, (byte) (value >>> (8 * i)));
        }
        device.writeRegion(region, offset, buffer, 8, count);
    }

    long config(int offset, int count) {
        return read(Region.CONFIG, offset, count);
    }

    void writeConfig(int offset, int count, long value) {
        write(Region.CONFIG, offset, count, value);
    }

    byte[] bytes(int region, long offset, int count) {
        device.readRegion(region, offset, buffer, 16, count);
        return buffer.asSlice(16, count).toArray(ValueLayout.JAVA_BYTE);
    }

    /** Installs an eventfd and returns the client's end of it. */
    Fd install(int index, int vector) {
        return install(index, IrqAction.TRIGGER, vector);
    }

    Fd install(int index, IrqAction action, int vector) {
        var fd = eventFd();
        device.setIrqEventFds(index, action, vector, List.of(fd.duplicate()));
        return fd;
    }

    Fd eventFd() {
        var fd = EventFd.create();
        held.add(fd);
        return fd;
    }

    /** Returns how often an eventfd was signalled since the last call. */
    static long signals(Fd fd) {
        long count = EventFd.take(fd);
        return count < 0 ? 0 : count;
    }

    static int errno(org.assertj.core.api.ThrowableAssert.ThrowingCallable call) {
        var thrown = org.assertj.core.api.Assertions.catchThrowable(call);
        return thrown instanceof VfioException e ? e.errno() : unexpected(thrown);
    }

    private static int unexpected(@Nullable Throwable thrown) {
        throw new AssertionError("expected a VfioException", thrown);
    }

    @Override
    public void close() {
        device.close();
        held.forEach(Fd::close);
        arena.close();
    }
}
