package dev.muser.devices.edu;

import dev.muser.device.EventLoop;
import dev.muser.device.ResetKind;
import dev.muser.device.pci.Bar;
import dev.muser.device.pci.Device;
import dev.muser.device.pci.DeviceContext;
import dev.muser.device.pci.GuestMemory;
import dev.muser.device.pci.Interrupt;
import dev.muser.device.pci.Msi;
import dev.muser.device.pci.Register;
import dev.muser.device.pci.RegisterBuilder;
import dev.muser.device.pci.StateArray;
import dev.muser.device.pci.Width;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * QEMU's educational device, as its documentation has it ({@code docs/specs/edu.rst}): something
 * for students of drivers to talk to.
 *
 * <p>Factorials and DMA begin after the write that asks for them has been answered, so that a
 * driver sees them under way, as with hardware.
 */
public final class Edu implements Device {
    /** Addresses of 28 bits, as QEMU's device has them unless told otherwise. */
    public static final long DEFAULT_DMA_MASK = 0x0fff_ffff;

    private static final int IDENTIFICATION = 0x0100_00ed;

    private static final int COMPUTING = 0x01;
    private static final int INTERRUPT_AFTER_FACTORIAL = 0x80;

    private static final int DMA_RUN = 0x01;
    private static final int DMA_TO_RAM = 0x02;
    private static final int DMA_INTERRUPT = 0x04;
    private static final int DMA_DONE = 0x100;

    private static final long BUFFER = 0x40000;
    private static final int BUFFER_SIZE = 4096;

    private final EventLoop loop;
    private final GuestMemory memory;
    private final long dmaMask;
    private final Interrupt interrupt;

    private final Register liveness;
    private final Register factorial;
    private final Register status;
    private final Register interruptStatus;
    private final Register source;
    private final Register destination;
    private final Register count;
    private final Register command;
    private final StateArray buffer;
    private final MemorySegment incoming = Arena.ofAuto().allocate(BUFFER_SIZE, 8);

    /**
     * Counts transfers and resets, so that what completes late is known to be late. Not state: what
     * another process began never completes in this one.
     */
    private int transfers;

    public Edu(DeviceContext ctx) {
        this(ctx, DEFAULT_DMA_MASK);
    }

    /**
     * @param dmaMask the address bits that the device can drive
     */
    public Edu(DeviceContext ctx, long dmaMask) {
        this.dmaMask = dmaMask;
        loop = ctx.loop();
        memory = ctx.memory();
        buffer = ctx.state().array("edu.buffer", BUFFER_SIZE);
        ctx.identity(0x1234, 0x11e8).classCode(0x00, 0xff, 0).revision(0x10);
        interrupt = ctx.intx();
        ctx.capability(new Msi(1));
        ctx.repeatable(); // all that a write begins is the same when it is written again

        var bar = ctx.bar(0, 1 << 20).holes(0xff);
        word(bar, "ID", 0x00).readOnly(() -> IDENTIFICATION);
        liveness = word(bar, "LIVENESS", 0x04).onWrite(this::invert).readWrite();
        factorial = word(bar, "FACTORIAL", 0x08).onWrite(this::factorialWritten).readWrite();
        status =
                word(bar, "STATUS", 0x20)
                        .writable(INTERRUPT_AFTER_FACTORIAL)
                        .field("COMPUTING", 0, 1)
                        .field("IRQ_AFTER_FACTORIAL", 7, 1)
                        .readWrite();
        interruptStatus = word(bar, "IRQ_STATUS", 0x24).readOnly();
        word(bar, "IRQ_RAISE", 0x60).writeOnly(this::raise);
        word(bar, "IRQ_ACK", 0x64).writeOnly(this::acknowledge);
        source = dmaRegister(bar, "DMA_SRC", 0x80);
        destination = dmaRegister(bar, "DMA_DST", 0x88);
        count = dmaRegister(bar, "DMA_COUNT", 0x90);
        command =
                bar.register("DMA_CMD", 0x98, Width.U64)
                        .access(Width.U32, Width.U64)
                        .field("RUN", 0, 1)
                        .field("TO_RAM", 1, 1)
                        .field("IRQ", 2, 1)
                        .onWrite(this::commandWritten)
                        .readWrite();
    }

    /** Below 0x80 only accesses of 4 bytes are allowed. */
    private static RegisterBuilder word(Bar bar, String name, long offset) {
        return bar.register(name, offset, Width.U32).access(Width.U32);
    }

    /** From 0x80 on also those of 8. What a transfer uses cannot change while it runs. */
    private Register dmaRegister(Bar bar, String name, long offset) {
        var registers = new Register[1];
        registers[0] =
                bar.register(name, offset, Width.U64)
                        .access(Width.U32, Width.U64)
                        .onWrite((before, now) -> {
                            if (isRunning(command.get())) {
                                registers[0].set(before);
                            }
                        })
                        .readWrite();
        return registers[0];
    }

    private void invert(long before, long now) {
        liveness.set(~now);
    }

    private void factorialWritten(long before, long now) {
        if ((status.get() & COMPUTING) != 0) {
            factorial.set(before);
            return;
        }
        status.set(status.get() | COMPUTING);
        loop.execute(this::compute);
    }

    private void compute() {
        if ((status.get() & COMPUTING) == 0) {
            return; // a reset came first
        }
        int product = 1;
        // From 34 on the product is 0 in 32 bits: no driver can keep the loop busy.
        for (int n = (int) Math.min(factorial.get(), 34); n > 0; n--) {
            product *= n;
        }
        factorial.set(product);
        status.set(status.get() & ~COMPUTING);
        if ((status.get() & INTERRUPT_AFTER_FACTORIAL) != 0) {
            raise(1);
        }
    }

    private void raise(long reason) {
        interruptStatus.set(interruptStatus.get() | reason);
        if (interruptStatus.get() != 0) {
            interrupt.post();
        }
    }

    private void acknowledge(long reasons) {
        interruptStatus.set(interruptStatus.get() & ~reasons);
        if (interruptStatus.get() == 0) {
            interrupt.lower();
        }
    }

    private static boolean isRunning(long dmaCommand) {
        return (dmaCommand & DMA_RUN) != 0;
    }

    private void commandWritten(long before, long now) {
        if (isRunning(before)) {
            command.set(before);
        } else if (isRunning(now)) {
            begin();
        }
    }

    private void begin() {
        int transfer = ++transfers;
        loop.execute(() -> transfer(transfer));
    }

    private void transfer(int transfer) {
        boolean toRam = (command.get() & DMA_TO_RAM) != 0;
        long at = (toRam ? source : destination).get() - BUFFER;
        long iova = (toRam ? destination : source).get() & dmaMask;
        long length = count.get();
        if (transfer != transfers || !isRunning(command.get())) {
            return; // a reset came first
        }
        if (at < 0 || at > BUFFER_SIZE || length < 0 || length > BUFFER_SIZE - at) {
            finish(transfer); // beyond the buffer: QEMU's device moves nothing either
        } else if (toRam) {
            memory.write(iova, buffer.bytes().asSlice(at, length), errno -> finish(transfer));
        } else {
            memory.read(
                    iova,
                    incoming.asSlice(0, length),
                    errno -> {
                        if (errno == 0 && transfer == transfers) {
                            buffer.copyFrom(at, incoming, 0, length);
                        }
                        finish(transfer);
                    });
        }
    }

    /** The hardware has no way to report a transfer that failed. */
    private void finish(int transfer) {
        if (transfer != transfers) {
            return;
        }
        command.set(command.get() & ~DMA_RUN);
        if ((command.get() & DMA_INTERRUPT) != 0) {
            raise(DMA_DONE);
        }
    }

    /** The registers say what was under way. A transfer moves the same bytes once more. */
    @Override
    public void restored() {
        if ((status.get() & COMPUTING) != 0) {
            loop.execute(this::compute);
        }
        if (isRunning(command.get())) {
            begin();
        }
    }

    @Override
    public void reset(ResetKind kind) {
        transfers++;
        interrupt.lower();
        buffer.clear();
    }
}
