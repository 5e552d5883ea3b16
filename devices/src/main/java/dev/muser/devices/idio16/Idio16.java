package dev.muser.devices.idio16;

import dev.muser.device.pci.Device;
import dev.muser.device.pci.DeviceContext;
import dev.muser.device.pci.Interrupt;
import dev.muser.device.pci.Register;
import dev.muser.device.pci.StateField;
import dev.muser.device.pci.Width;

/** ACCES PCI-IDIO-16: 16 isolated digital outputs, and 16 inputs that follow a pattern. */
public final class Idio16 implements Device {
    private static final int CHANGED = 0x4; // bits 0 and 1 say which half of the inputs

    private final InputPattern pattern;
    private final Interrupt interrupt;
    private final Register low, high, status;
    private final StateField interrupting, samples, lastInputs;

    public Idio16(DeviceContext ctx, InputPattern pattern) {
        this.pattern = pattern;
        ctx.identity(0x494f, 0x0dc8).classCode(0x11, 0x80, 0);
        interrupt = ctx.intx();
        interrupting = ctx.state().field("interrupting", Width.U8);
        samples = ctx.state().field("samples", Width.U32);
        lastInputs = ctx.state().field("lastInputs", Width.U16);
        var bar = ctx.bar(2, 0x100).io();
        low = bar.register("OUT0_7", 0, Width.U8).onWrite(v -> changed()).readWrite();
        high = bar.register("OUT8_15", 4, Width.U8).onWrite(v -> changed()).readWrite();
        var in0to7 = bar.register("IN0_7", 1, Width.U8).onRead(r -> sampled());
        in0to7.computed(this::inputs, v -> clear());
        bar.register("IN8_15", 5, Width.U8).onRead(r -> sampled()).readOnly(() -> inputs() >> 8);
        var control = bar.register("IRQ_CTL", 2, Width.U8).onRead(r -> interrupting.set(1));
        control.computed(() -> 0, v -> interrupting.set(0));
        status = bar.register("IRQ_STATUS", 6, Width.U8).readOnly();
    }

    private long inputs() {
        return pattern.inputs((int) (high.get() << 8 | low.get()), (int) samples.get());
    }

    private void sampled() {
        samples.set(samples.get() + 1);
    }

    private void changed() {
        long changes = inputs() ^ lastInputs.get();
        lastInputs.set(inputs());
        if (changes != 0 && interrupting.get() != 0) {
            status.set(CHANGED | ((changes & 0xff) != 0 ? 1 : 0) | (changes > 0xff ? 2 : 0));
            interrupt.raise();
        }
    }

    private void clear() {
        status.set(0);
        interrupt.lower();
    }
}
