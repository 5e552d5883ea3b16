package dev.muser.server;

import dev.muser.device.pci.Device;
import dev.muser.device.pci.DeviceContext;
import dev.muser.device.pci.PciDevice;
import dev.muser.device.pci.Width;
import dev.muser.linux.Errno;
import dev.muser.linux.MessageReceiver;
import dev.muser.linux.MessageSender;
import dev.muser.linux.UnixSocket;
import dev.muser.protocol.Capabilities;
import dev.muser.protocol.Command;
import dev.muser.protocol.Header;
import dev.muser.protocol.RegionAccess;
import dev.muser.protocol.VersionMessage;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;

/**
 * Has a loop serve a device of no use for a moment, so that the first client of a real one does not
 * meet code that the JVM has yet to compile: cold, a register access takes some five times as long.
 */
public final class WarmUp {
    private static final int BATCH = 64;
    private static final int ACCESS = Header.SIZE + RegionAccess.SIZE;

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
                var arena = Arena.ofConfined()) {
            client.timeout(Duration.ofSeconds(1));
            talk(client, arena, System.nanoTime() + time.toNanos());
        }
    }

    private static Device device(DeviceContext ctx) {
        ctx.identity(0x1234, 0x5678);
        ctx.bar(0, 4096).register("SCRATCH", 0, Width.U32).onWrite(now -> {}).readWrite();
        ctx.bar(1, 4096).memory("memory", 0, 4096);
        return new Device() {};
    }

    private static void talk(UnixSocket client, Arena arena, long deadline) {
        var out = arena.allocate(BATCH * (ACCESS + 8L));
        var in = arena.allocate(64 * 1024);
        var sender = new MessageSender();
        try (var receiver = new MessageReceiver(1)) {
            int length = version(out);
            boolean alive = exchange(client, sender, receiver, out, length, in, 1);
            int size = accesses(out);
            while (alive && deadline - System.nanoTime() > 0) {
                alive = exchange(client, sender, receiver, out, size, in, BATCH);
            }
        }
    }

    private static int version(MemorySegment out) {
        int payload = VersionMessage.encode(out, Header.SIZE, 0, 0, Capabilities.DEFAULTS.encode());
        Header.encodeCommand(out, 0, 0, Command.VERSION, Header.SIZE + payload, false);
        return Header.SIZE + payload;
    }

    /** Reads and writes by turns, of a register and of memory; returns the length of all. */
    private static int accesses(MemorySegment out) {
        int at = 0;
        for (int i = 0; i < BATCH; i++) {
            boolean write = i % 2 == 1;
            int size = ACCESS + (write ? 4 : 0);
            Header.encodeCommand(
                    out, at, i, write ? Command.REGION_WRITE : Command.REGION_READ, size, false);
            RegionAccess.encode(out, at + Header.SIZE, 0, i / 2 % 2, 4);
            at += size;
        }
        return at;
    }

    /** Sends, then receives so many replies; false when the server has gone. */
    private static boolean exchange(
            UnixSocket client,
            MessageSender sender,
            MessageReceiver receiver,
            MemorySegment out,
            int length,
            MemorySegment in,
            int replies) {
        if (sender.send(client, out, 0, length, 0) != length) {
            return false;
        }
        var header = new Header();
        int end = 0;
        while (replies > 0) {
            int n = receiver.receive(client, in, end, (int) in.byteSize() - end, 0);
            if (n == -Errno.EINTR) {
                continue;
            }
            if (n <= 0) {
                return false;
            }
            end += n;
            int at = 0;
            while (end - at >= Header.SIZE && header.wrap(in, at).size() <= end - at) {
                at += (int) header.size();
                replies--;
            }
            MemorySegment.copy(in, at, in, 0, end - at);
            end -= at;
        }
        return true;
    }
}
