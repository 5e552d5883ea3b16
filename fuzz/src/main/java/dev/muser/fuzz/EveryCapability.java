package dev.muser.fuzz;

import dev.muser.device.pci.AdvancedErrorReporting;
import dev.muser.device.pci.AdvancedFeatures;
import dev.muser.device.pci.Device;
import dev.muser.device.pci.DeviceContext;
import dev.muser.device.pci.DeviceSerialNumber;
import dev.muser.device.pci.Msi;
import dev.muser.device.pci.MsiX;
import dev.muser.device.pci.PciExpress;
import dev.muser.device.pci.PowerManagement;
import dev.muser.device.pci.VendorSpecific;
import dev.muser.device.pci.VendorSpecificExtended;

/** A device with all capabilities that there are, an expansion ROM, and BARs of every kind. */
final class EveryCapability implements Device {
    private static final int VECTORS = 40;

    EveryCapability(DeviceContext ctx) {
        ctx.identity(0x1234, 0x4321).subsystem(0x5678, 0x8765).classCode(0xff, 0, 0);
        ctx.bar(0, 0x1000).memory("ram", 0, 0x1000);
        ctx.bar(1, 0x4000);
        ctx.bar(3, 0x100).io();
        ctx.bar(4, 1 << 20);
        ctx.rom(new byte[3000]);
        ctx.intx();
        ctx.errorSignal();
        ctx.requestSignal();
        ctx.capability(new PowerManagement())
                .capability(Msi.maskable(32))
                .capability(new MsiX(VECTORS, 1).pendingBits(1, 0x2000))
                .capability(new PciExpress())
                .capability(new AdvancedFeatures())
                .capability(new VendorSpecific(new byte[] {1, 2, 3}))
                .capability(new AdvancedErrorReporting())
                .capability(new DeviceSerialNumber(0x0102_0304_0506_0708L))
                .capability(new VendorSpecificExtended(7, 1, new byte[] {4, 5, 6}));
    }
}
