package dev.muser.testkit.hostile;

import dev.muser.device.ResetKind;
import dev.muser.device.pci.Device;
import dev.muser.device.pci.DeviceContext;
import dev.muser.device.pci.PciDevice;
import dev.muser.device.pci.Width;
import dev.muser.server.DeviceServer;
import dev.muser.server.Loop;
import dev.muser.server.LoopPolicy;
import dev.muser.server.ServerOptions;
import java.nio.file.Path;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/** A device that takes all of the heap, and the process that serves it beside a {@link Puppet}. */
final class Glutton implements Device {
    /** Writing one of these fills the heap to the last byte. */
    static final long FILL = 0;

    /** What was filled is garbage when the request has failed. */
    static final int AND_DROP = 1;

    /** It is the device's until its client is gone. */
    static final int AND_KEEP = 2;

    /** It is the device's for ever. */
    static final int AND_NEVER_GIVE_BACK = 3;

    @SuppressWarnings("UnusedVariable") // it is there to be held
    private Object @Nullable [] kept;

    private boolean forEver;

    Glutton(DeviceContext ctx) {
        ctx.identity(0x1234, 0x9abc);
        ctx.bar(0, 0x1000).register("fill", FILL, Width.U32).writeOnly(how -> fill((int) how));
    }

    private void fill(int how) {
        Object[] chain = {};
        int size = 1 << 16;
        while (true) {
            try {
                var link = new Object[size];
                link[0] = chain;
                chain = link;
            } catch (OutOfMemoryError e) {
                if (how != AND_DROP) {
                    kept = chain;
                    forEver = how == AND_NEVER_GIVE_BACK;
                }
                if (size == 1) {
                    throw e;
                }
                size /= 256; // the JVM looks for room with each, which takes its time
            }
        }
    }

    @Override
    public void reset(ResetKind kind) {
        if (!forEver) {
            kept = null;
        }
    }

    /** The folder of the sockets: {@code glutton} and {@code puppet}. */
    public static void main(String[] arguments) {
        var folder = Path.of(arguments[0]);
        var loop = Loop.start("full", LoopPolicy.BLOCKING, OptionalInt.empty());
        DeviceServer.listen(
                loop,
                given -> PciDevice.create(Puppet::new, given),
                folder.resolve("puppet"),
                ServerOptions.DEFAULTS);
        var server =
                DeviceServer.listen(
                        loop,
                        given -> PciDevice.create(Glutton::new, given),
                        folder.resolve("glutton"),
                        ServerOptions.DEFAULTS);
        System.out.println("ready");
        server.awaitEnd();
    }
}
