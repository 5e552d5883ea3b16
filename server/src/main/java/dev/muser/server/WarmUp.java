package dev.muser.server;

import dev.muser.device.pci.Device;
import dev.muser.device.pci.DeviceContext;
import dev.muser.device.pci.PciDevice;
import dev.muser.device.pci.Width;
import dev.muser.linux.UnixSocket;
import java.time.Duration;

/**
 * Has a loop serve a device of no use for a moment, so that the first client of a real one does not
 * meet code that the JVM has yet to compile: cold, a register access takes some five times as long.
 */
public final class WarmUp {
    private WarmUp() {}

    /**
     * Warms {@code loop} up; returns after about {@code time}.
     *
     * @throws dev.muser.linux.SyscallException when there are no descriptors left
     */
    public static void run(Loop loop, Duration time) {
        var pair = UnixSocket.pair();
        try (var client = pair[1];
                var _ =
                        DeviceServer.adopt(
                                loop,
                                events -> PciDevice.create(WarmUp::device, events),
                                pair[0].fd(),
                                ServerOptions.DEFAULTS);
                var talk = new WarmUpTalk(client)) {
            client.timeout(Duration.ofSeconds(1));
            if (talk.begin()) {
                talk.access(time);
            }
        }
    }

    private static Device device(DeviceContext ctx) {
        ctx.identity(0x1234, 0x5678);
        ctx.bar(0, 4096).register("SCRATCH", 0, Width.U32).onWrite(now -> {}).readWrite();
        ctx.bar(1, 4096).memory("memory", 0, 4096);
        return new Device() {};
    }
}
