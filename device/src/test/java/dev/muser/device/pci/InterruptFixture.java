package dev.muser.device.pci;

import dev.muser.device.IrqAction;
import dev.muser.device.Region;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;

/** A device that can interrupt in all three ways: 100 vectors by MSI-X, 16 by MSI, and INTx. */
abstract class InterruptFixture {
    static final int TABLE = 0;
    static final int PENDING = 0x800;
    static final int MSI = 0x40;
    static final int MSIX = 0x58;

    final List<Interrupt> interrupts = new ArrayList<>();
    final DeviceFixture fixture =
            DeviceFixture.of(context -> {
                context.bar(0, 0x1000);
                context.intx();
                context.capability(MSI, Msi.maskable(16));
                context.capability(MSIX, new MsiX(100, 0).pendingBits(0, PENDING));
                for (int i = 0; i < 100; i++) {
                    interrupts.add(context.interrupt(i));
                }
            });

    final Interrupt first = interrupts.get(0);
    final Interrupt second = interrupts.get(1);
    final Interrupt last = interrupts.get(99);

    @AfterEach
    void close() {
        fixture.close();
    }

    void mask(int index, int vector) {
        fixture.device.setIrqs(index, IrqAction.MASK, vector, 1);
    }

    void unmask(int index, int vector) {
        fixture.device.setIrqs(index, IrqAction.UNMASK, vector, 1);
    }

    void vectorControl(int vector, int value) {
        fixture.write(Region.BAR0, TABLE + 16L * vector + 12, 4, value);
    }

    void msixControl(int value) {
        fixture.writeConfig(MSIX + 2, 2, value);
    }

    boolean statusShowsInterrupt() {
        return (fixture.config(0x06, 2) & 0x08) != 0;
    }

    boolean pendingBit(int vector) {
        return (fixture.read(Region.BAR0, PENDING + vector / 8, 1) >> (vector % 8) & 1) != 0;
    }
}
