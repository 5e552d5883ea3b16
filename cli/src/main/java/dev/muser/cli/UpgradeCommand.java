package dev.muser.cli;

import dev.muser.cli.control.ServingProcess;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** {@code muser upgrade}. */
@Command(
        name = "upgrade",
        description = {
            "Replace the process that serves a device by one of the newest build, while its client"
                    + " goes on.",
            "The new process starts and warms up; between two requests it gets what the old one"
                    + " has; the old one ends. If the new one cannot read the old one's state, or"
                    + " does not come up, the old one goes on."
        },
        footer = {"", "The device must be kept: 'muser serve --keep', or systemd."})
final class UpgradeCommand extends BaseCommand implements Callable<Integer> {
    @Parameters(paramLabel = "SOCKET", description = "The device's socket.")
    private Path socket = Path.of("");

    @Override
    public Integer call() {
        SocketPaths.check(socket);
        var process = new ServingProcess(socket);
        long before = process.upgrade();
        out().printf(
                        "upgraded: process %d in the place of %d%n",
                        process.awaitOther(before), before);
        return ExitCode.OK;
    }
}
