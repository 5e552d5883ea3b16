package dev.muser.cli;

import dev.muser.client.ClientOptions;
import dev.muser.client.DeviceMigration;
import dev.muser.client.DisconnectedException;
import dev.muser.client.MigrationException;
import dev.muser.client.RemoteDevice;
import dev.muser.device.VfioException;
import dev.muser.linux.SyscallException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code muser migrate}. */
@Command(
        name = "migrate",
        description = {
            "Have the device at TO go on as what the device at FROM is: its registers, its memory,"
                    + " and, of a disk in memory, its bytes. A disk on an image moves to a server"
                    + " that was started with --incoming for the same image.",
            "Both serve the same kind of device, with the same options. The device at FROM is"
                + " copied while it runs, then stopped for the rest; if anything fails, it runs on,"
                + " and the one at TO is as it was, or reset. An image that a third program has"
                + " taken in between keeps it from running on.",
            "The command is the client of both, so neither may have another one: what it moves is"
                    + " what a device keeps without a client, such as a memory disk's bytes and"
                    + " namespaces. A program that uses a device moves it itself, with its mapped"
                    + " memory and its interrupts, while it goes on: class MovableDevice of the"
                    + " client module. A machine's device is moved by its virtual machine monitor."
        },
        footer = {
            "",
            "Why a server refuses a device is in its log. Exit code 1: not migrated.",
            "Example: muser migrate /tmp/a.sock /tmp/b.sock"
        })
final class MigrateCommand extends BaseCommand implements Callable<Integer> {
    /** A guest that writes faster than that is copied would otherwise never be stopped. */
    private static final int MOST_PASSES = 10;

    /** So little is left to copy when the device has stopped: a millisecond's worth or less. */
    private static final long LITTLE = 1 << 20;

    @Parameters(index = "0", paramLabel = "FROM-SOCKET", description = "Where the device is.")
    private Path from = Path.of("");

    @Parameters(index = "1", paramLabel = "TO-SOCKET", description = "Where it is to be.")
    private Path to = Path.of("");

    @Option(
            names = "--timeout",
            paramLabel = "TIME",
            converter = DurationConverter.class,
            defaultValue = "30s",
            description = "How long to wait for each answer: 30s unless given.")
    private Duration timeout = Duration.ofSeconds(30);

    @Option(names = "--stop-copy", description = "Copy nothing before the device has stopped.")
    private boolean stopCopy;

    @Override
    public Integer call() {
        SocketPaths.check(from);
        SocketPaths.check(to);
        if (from.toAbsolutePath().normalize().equals(to.toAbsolutePath().normalize())) {
            throw new UserError("the two sockets are the same: a device cannot move to itself");
        }
        if (timeout.toMillis() < 1) {
            throw new UserError("--timeout must be at least 1ms");
        }
        try (var source = connect(from);
                var target = connect(to)) {
            source.attach(null);
            target.attach(null);
            migrate(source, target);
        } catch (MigrationException e) {
            throw new UserError(
                    "%s. The log of %s or %s may say more".formatted(e.getMessage(), from, to),
                    ExitCode.FAILED);
        }
        return ExitCode.OK;
    }

    private RemoteDevice connect(Path socket) {
        try {
            return RemoteDevice.connect(socket, ClientOptions.DEFAULTS.withTimeout(timeout));
        } catch (SyscallException e) {
            throw SocketPaths.cannotConnect(socket, e);
        } catch (DisconnectedException e) {
            throw new UserError(
                    "%s (is it a vfio-user server, without another client? It has one at a time, and"
                                    .formatted(e.getMessage())
                            + " only that one can move the device)");
        } catch (VfioException e) {
            throw new UserError("the server at %s refused: %s".formatted(socket, e.getMessage()));
        }
    }

    private void migrate(RemoteDevice source, RemoteDevice target) {
        var out = out();
        var migration = DeviceMigration.begin(source, target, !stopCopy);
        try {
            long last = Long.MAX_VALUE;
            for (int pass = 1; pass <= MOST_PASSES; pass++) {
                long copied = migration.copyEarly();
                if (copied == 0) {
                    break;
                }
                out.printf("copied %s while it runs%n", size(copied));
                out.flush();
                if (copied <= LITTLE || copied >= last) {
                    break;
                }
                last = copied;
            }
            print(out, migration.finish());
        } finally {
            migration.cancel();
        }
    }

    private void print(PrintWriter out, DeviceMigration.Report report) {
        out.printf("copied %s while it was stopped%n", size(report.lateBytes()));
        out.printf(
                Locale.ROOT,
                "migrated: %s in %.0f ms, stopped for %.1f ms; %s has the device, %s has stopped%n",
                size(report.earlyBytes() + report.lateBytes()),
                (report.early().toNanos() + report.downtime().toNanos()) / 1e6,
                report.downtime().toNanos() / 1e6,
                to,
                from);
        out.flush();
    }

    private static String size(long bytes) {
        return bytes < 10_240
                ? bytes + " bytes"
                : bytes < 10 << 20 ? (bytes >> 10) + " KiB" : (bytes >> 20) + " MiB";
    }
}
