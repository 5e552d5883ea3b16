package dev.muser.bench;

import dev.muser.device.DmaCompletion;
import dev.muser.device.pci.Device;
import dev.muser.device.pci.DeviceContext;
import dev.muser.device.pci.GuestMemory;
import dev.muser.device.pci.Interrupt;
import dev.muser.device.pci.MsiX;
import dev.muser.device.pci.Register;
import dev.muser.device.pci.Width;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * A device that does nothing beyond what is measured: memory to read and write, copies on command,
 * an interrupt on command.
 *
 * <pre>
 *   BAR0  64 KiB of memory
 *   BAR1  0x00  u64  IOVA
 *         0x08  u32  length in bytes, at most 1 MiB
 *         0x0c  u32  how many times
 *         0x10  u32  command; see the constants
 *         0x18  u64  how long the last command took, in nanoseconds
 *         0x20  u32  errno of the last command
 *   BAR2  MSI-X, 4 vectors
 * </pre>
 */
final class BenchDevice implements Device, DmaCompletion {
    static final int MEMORY = 64 * 1024;
    static final int MAX_COPY = 1 << 20;

    static final int IOVA = 0;
    static final int LENGTH = 8;
    static final int TIMES = 0xc;
    static final int COMMAND = 0x10;
    static final int TOOK = 0x18;
    static final int ERRNO = 0x20;

    /** Reads client memory, so many times. */
    static final int READ = 1;

    /** Writes client memory, so many times. */
    static final int WRITE = 2;

    /** Copies within the process, so many times: the floor of the two above. */
    static final int COPY = 3;

    /** Reads client memory once, with an interrupt when it is there. */
    static final int READ_AND_INTERRUPT = 4;

    /** Sends the interrupt. */
    static final int INTERRUPT = 5;

    private final GuestMemory memory;
    private final Interrupt interrupt;
    private final Register iova;
    private final Register length;
    private final Register times;
    private final Register took;
    private final Register errno;

    /** Made when the first copy is prepared: an idle device has none. */
    private MemorySegment buffer = MemorySegment.NULL;

    private MemorySegment other = MemorySegment.NULL;
    private MemorySegment part = MemorySegment.NULL;
    private boolean interrupting;
    private long started;

    BenchDevice(DeviceContext context) {
        context.identity(0x1d1d, 0xbe0c);
        memory = context.memory();
        context.bar(0, MEMORY).backed(0, MEMORY);
        var bar1 = context.bar(1, 0x1000);
        iova = bar1.register("IOVA", IOVA, Width.U64).readWrite();
        length = bar1.register("LENGTH", LENGTH, Width.U32).onWrite(this::resize).readWrite();
        times = bar1.register("TIMES", TIMES, Width.U32).readWrite();
        bar1.register("COMMAND", COMMAND, Width.U32).writeOnly(this::command);
        took = bar1.register("TOOK", TOOK, Width.U64).readOnly();
        errno = bar1.register("ERRNO", ERRNO, Width.U32).readOnly();
        context.bar(2, 0x1000);
        context.capability(new MsiX(4, 2));
        interrupt = context.interrupt(0);
    }

    private void resize(long bytes) {
        if (buffer.byteSize() == 0) {
            buffer = Arena.ofAuto().allocate(MAX_COPY, 4096);
            other = Arena.ofAuto().allocate(MAX_COPY, 4096);
        }
        part = buffer.asSlice(0, Math.min(MAX_COPY, bytes));
    }

    private void command(long command) {
        errno.set(0);
        started = System.nanoTime();
        switch ((int) command) {
            case READ -> {
                for (long i = times.get(); i > 0; i--) {
                    memory.read(iova.get(), part, this);
                }
            }
            case WRITE -> {
                for (long i = times.get(); i > 0; i--) {
                    memory.write(iova.get(), part, this);
                }
            }
            case COPY -> {
                long bytes = length.get();
                for (long i = times.get(); i > 0; i--) {
                    MemorySegment.copy(other, 0, part, 0, bytes);
                }
            }
            case READ_AND_INTERRUPT -> {
                interrupting = true;
                memory.read(iova.get(), part, this);
                return;
            }
            case INTERRUPT -> interrupt.post();
            default -> {} // a command that the device does not have
        }
        took.set(System.nanoTime() - started);
    }

    @Override
    public void done(int error) {
        if (error != 0) {
            errno.set(error);
        }
        if (interrupting) {
            interrupting = false;
            took.set(System.nanoTime() - started);
            interrupt.post();
        }
    }
}
