package dev.muser.testkit.kept;

import dev.muser.device.pci.Device;
import dev.muser.device.pci.DeviceContext;
import dev.muser.device.pci.GuestMemory;
import dev.muser.device.pci.Interrupt;
import dev.muser.device.pci.MsiX;
import dev.muser.device.pci.StateArray;
import dev.muser.device.pci.StateField;
import dev.muser.device.pci.Width;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** A device of which each access tells when it has been carried out twice, or not at all. */
final class Ledger implements Device {
    /** Reading gives 0, 1, 2 and so on. */
    static final int NEXT = 0x00;

    static final int ADD = 0x08;
    static final int SUM = 0x30;
    static final int PUSH = 0x10;

    /** Reading takes out what was pushed first; ~0 when there is nothing. */
    static final int POP = 0x38;

    /** Writing signals vector 1. */
    static final int RAISE = 0x18;

    /** Writing an address has {@link #NEXT} written there, and then {@link #WRITTEN} counted. */
    static final int DMA = 0x20;

    static final int WRITTEN = 0x28;

    static final int DEPTH = 64;

    private final GuestMemory memory;
    private final StateField next;
    private final StateField sum;
    private final StateField in;
    private final StateField out;
    private final StateField dma;
    private final StateField written;
    private final StateArray entries;
    private final MemorySegment scratch = Arena.ofAuto().allocate(8, 8);

    Ledger(DeviceContext ctx) {
        memory = ctx.memory();
        var state = ctx.state();
        next = state.field("next", Width.U64);
        sum = state.field("sum", Width.U64);
        in = state.field("in", Width.U64);
        out = state.field("out", Width.U64);
        dma = state.field("dma", Width.U64);
        written = state.field("written", Width.U64);
        entries = state.array("entries", 8 * DEPTH);
        ctx.identity(0x1234, 0x1ed6).capability(new MsiX(4, 1)).resetOnLostClient(false);
        ctx.intx();
        Interrupt raised = ctx.interrupt(1);
        var bar = ctx.bar(0, 0x1000);
        ctx.bar(1, 0x1000);
        bar.register("NEXT", NEXT, Width.U64).readOnly(this::takeNext);
        bar.register("ADD", ADD, Width.U64).writeOnly(v -> sum.set(sum.get() + v));
        bar.register("SUM", SUM, Width.U64).readOnly(sum::get);
        bar.register("PUSH", PUSH, Width.U64).writeOnly(this::push);
        bar.register("POP", POP, Width.U64).readOnly(this::pop);
        bar.register("RAISE", RAISE, Width.U64).writeOnly(v -> raised.post());
        bar.register("DMA", DMA, Width.U64).writeOnly(this::write);
        bar.register("WRITTEN", WRITTEN, Width.U64).readOnly(written::get);
    }

    private long takeNext() {
        long value = next.get();
        next.set(value + 1);
        return value;
    }

    private void push(long value) {
        if (in.get() - out.get() < DEPTH) {
            entries.set(in.get() % DEPTH * 8, Width.U64, value);
            in.set(in.get() + 1);
        }
    }

    private long pop() {
        if (in.get() == out.get()) {
            return -1;
        }
        long value = entries.get(out.get() % DEPTH * 8, Width.U64);
        out.set(out.get() + 1);
        return value;
    }

    private void write(long iova) {
        dma.set(iova);
        begin();
    }

    private void begin() {
        scratch.set(ValueLayout.JAVA_LONG, 0, next.get());
        long iova = dma.get();
        memory.write(
                iova,
                scratch,
                errno -> {
                    if (dma.get() == iova) {
                        dma.set(0);
                        written.set(written.get() + (errno == 0 ? 1 : 1000));
                    }
                });
    }

    @Override
    public void restored() {
        if (dma.get() != 0) {
            begin();
        }
    }
}
