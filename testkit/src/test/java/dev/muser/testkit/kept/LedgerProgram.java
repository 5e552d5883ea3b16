package dev.muser.testkit.kept;

import dev.muser.device.pci.PciDevice;
import dev.muser.server.DeviceServer;
import dev.muser.server.Keeping;
import dev.muser.server.Loop;
import dev.muser.server.LoopPolicy;
import dev.muser.server.ServerOptions;
import dev.muser.service.HandoverException;
import dev.muser.service.Predecessor;
import dev.muser.service.ServiceManager;
import java.nio.file.Path;
import java.util.OptionalInt;

/** A process that serves a {@link Ledger}, for a keeper to start. */
final class LedgerProgram {
    private LedgerProgram() {}

    public static void main(String[] arguments) throws HandoverException {
        var manager = ServiceManager.fromEnvironment();
        var standby = manager.standby();
        Predecessor predecessor = null;
        if (standby != null) {
            standby.warm();
            standby.await(states -> null);
            predecessor = standby.confirm();
        }
        var loop = Loop.start("ledger", LoopPolicy.BLOCKING, OptionalInt.empty());
        var server =
                DeviceServer.keep(
                        loop,
                        (events, home) -> PciDevice.create(Ledger::new, events, home),
                        Path.of(arguments[0]),
                        ServerOptions.DEFAULTS,
                        new Keeping("ledger", manager.store(), null, true, predecessor));
        manager.ready("a ledger is served");
        var lifeline = manager.lifeline();
        if (lifeline != null) {
            loop.execute(() -> {
                var _ = loop.watch(lifeline, () -> Runtime.getRuntime().halt(0));
            });
        }
        server.awaitEnd();
    }
}
