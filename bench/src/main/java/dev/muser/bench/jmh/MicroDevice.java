package dev.muser.bench.jmh;

import dev.muser.device.pci.Device;
import dev.muser.device.pci.DeviceContext;
import dev.muser.device.pci.GuestMemory;
import dev.muser.device.pci.Interrupt;
import dev.muser.device.pci.MsiX;
import dev.muser.device.pci.PciDevice;
import dev.muser.device.pci.Width;

/** Registers, client memory and an interrupt; what a benchmark takes in its hands. */
final class MicroDevice implements Device {
    static final int REGISTERS = 64;

    private final GuestMemory memory;
    private final Interrupt interrupt;

    private MicroDevice(DeviceContext context) {
        context.identity(0x1d1d, 0xbe0d);
        memory = context.memory();
        context.bar(0, 4L * REGISTERS)
                .registers("R", 0, 4, REGISTERS, Width.U32, (i, register) -> register.readWrite());
        context.bar(1, 0x1000);
        context.capability(new MsiX(1, 1));
        interrupt = context.interrupt(0);
    }

    /** A device and its inside. */
    record Made(PciDevice outside, MicroDevice inside) {}

    static Made make() {
        var inside = new MicroDevice[1];
        var outside =
                PciDevice.create(
                        context -> {
                            inside[0] = new MicroDevice(context);
                            return inside[0];
                        },
                        new NoLoop());
        return new Made(outside, inside[0]);
    }

    GuestMemory memory() {
        return memory;
    }

    Interrupt interrupt() {
        return interrupt;
    }
}
