package dev.muser.devices.conformance;

import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.muser.device.pci.Device;
import dev.muser.device.pci.DeviceContext;
import dev.muser.device.pci.DeviceSerialNumber;
import dev.muser.device.pci.Msi;
import dev.muser.device.pci.MsiX;
import dev.muser.device.pci.PciExpress;
import dev.muser.device.pci.PowerManagement;
import dev.muser.device.pci.VendorSpecific;
import java.util.OptionalLong;

/**
 * A device with one of everything, so that a conformance test of a vfio-user server has something
 * to hold on to. What it has is fixed, byte by byte: tests of other projects expect it so.
 */
public final class Conformance implements Device {
    private static final int PAGE = 0x1000;

    public Conformance(DeviceContext ctx) {
        ctx.identity(0x1234, 0x5678).subsystem(0x9abc, 0xdef0).classCode(0xff, 0x01, 0x02);
        ctx.dmaLimits(64, 8L << 40).memory();
        ctx.intx();
        ctx.errorSignal();
        ctx.requestSignal();
        ctx.migration(new FixedLengthStream(10_000, ctx.state()));

        ctx.bar(0, PAGE).memory("ram", 0, PAGE);
        ctx.bar(2, 8 * PAGE)
                .fileOffset(8 * PAGE)
                .backed(0, 8 * PAGE)
                .mappable(2 * PAGE, PAGE)
                .mappable(4 * PAGE, 2 * PAGE);
        ctx.bar(3, 16 * PAGE);
        var doorbell = ctx.eventFd("doorbell-0");
        var shared = ctx.eventFd("doorbell-1");
        ctx.bar(4, 256)
                .io()
                .holes(0x44)
                .ioEventFd(0, 8, doorbell, OptionalLong.empty())
                .ioEventFd(8, 8, shared, OptionalLong.empty())
                .ioEventFd(16, 8, shared, OptionalLong.of(0x55))
                .ioEventFd(24, 8, null, OptionalLong.empty());

        ctx.capability(0x40, new PowerManagement())
                .capability(0x48, new VendorSpecific("abc".getBytes(US_ASCII)))
                .capability(0x50, Msi.maskable(16))
                .capability(0x68, new MsiX(2048, 3).pendingBits(3, 8 * PAGE))
                .capability(0x74, new PciExpress())
                .capability(0x100, new DeviceSerialNumber(0x0000_0008_0000_0004L));
    }
}
