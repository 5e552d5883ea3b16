package dev.muser.cli;

import dev.muser.cli.control.ControlClient;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
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
    /** The newest build may have to be built. */
    private static final Duration PATIENCE = Duration.ofMinutes(6);

    private static final Duration TO_APPEAR = Duration.ofSeconds(15);

    @Parameters(paramLabel = "SOCKET", description = "The device's socket.")
    private Path socket = Path.of("");

    @Override
    public Integer call() {
        SocketPaths.check(socket);
        Object before;
        try (var client = connect()) {
            if (client == null) {
                throw new UserError(
                        ("there is no control socket beside %s: is a device kept there ('muser"
                                        + " serve --keep')?")
                                .formatted(socket));
            }
            before = process(client);
            client.upgrade();
        }
        out().printf("upgraded: process %s in the place of %s%n", awaitNext(before), before);
        return ExitCode.OK;
    }

    private @Nullable ControlClient connect() {
        return ControlClient.connect(socket, PATIENCE);
    }

    private static Object process(ControlClient client) {
        return Objects.requireNonNull(client.ask(Map.of("command", "process")).get("pid"));
    }

    /** The device is served before its control socket is. */
    private Object awaitNext(Object before) {
        long deadline = System.nanoTime() + TO_APPEAR.toNanos();
        while (System.nanoTime() - deadline < 0) {
            try (var client = connect()) {
                if (client != null) {
                    var now = process(client);
                    if (!now.equals(before)) {
                        return now;
                    }
                }
            } catch (UserError e) {
                // it is about to end, or to begin
            }
            LockSupport.parkNanos(20_000_000);
        }
        throw new UserError("the new process does not answer at " + socket);
    }
}
