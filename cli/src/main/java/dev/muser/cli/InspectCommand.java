package dev.muser.cli;

import dev.muser.cli.control.ControlClient;
import dev.muser.client.ClientOptions;
import dev.muser.client.DisconnectedException;
import dev.muser.client.RemoteDevice;
import dev.muser.device.VfioDevice;
import dev.muser.device.VfioException;
import dev.muser.linux.SyscallException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code muser inspect}. */
@Command(
        name = "inspect",
        description = {
            "Show what the device behind a vfio-user socket is, whoever serves it: configuration"
                    + " space, regions, interrupts, what was agreed.",
            "Of a disk of 'muser serve nvme' it shows namespaces, queues and counters too, also"
                    + " while a machine uses it, by SOCKET.control.",
            "Any other device has one client at a time: while a machine uses it, it cannot be"
                    + " inspected. Its process can, by --process."
        })
final class InspectCommand extends BaseCommand implements Callable<Integer> {
    @Parameters(paramLabel = "SOCKET", description = "The socket's path.")
    private Path socket = Path.of("");

    @Option(names = "--json", description = "Print JSON.")
    private boolean json;

    @Option(
            names = "--process",
            description =
                    "Show instead as whom the process runs that serves it, and what it has given"
                            + " up: see docs/security.md.")
    private boolean process;

    @Option(
            names = "--timeout",
            paramLabel = "TIME",
            converter = DurationConverter.class,
            defaultValue = "5s",
            description = "How long to wait for each answer: 5s unless given.")
    private Duration timeout = Duration.ofSeconds(5);

    @Override
    public Integer call() {
        SocketPaths.check(socket);
        if (timeout.toMillis() < 1) {
            throw new UserError("--timeout must be at least 1ms");
        }
        var out = out();
        if (process) {
            var report = ProcessReport.of(socket, timeout);
            out.print(json ? Json.print(report.json()) + "\n" : report.text());
        } else if (!askItsOperator()) {
            var report = inspect();
            out.print(
                    json
                            ? Json.print(InspectionJson.of(report)) + "\n"
                            : InspectionText.of(report));
        }
        out.flush();
        return ExitCode.OK;
    }

    /** Prints what the control socket tells, without disturbing the client; false without one. */
    private boolean askItsOperator() {
        try (var control = ControlClient.connect(socket, timeout)) {
            if (control == null) {
                return false;
            }
            out().print(control.report("inspect", json));
            return true;
        }
    }

    /** Returns what {@link #askItsOperator} prints of the PCI device. */
    static Map<String, Object> report(Path socket, VfioDevice device) {
        var report = Inspection.of(socket, device, null);
        return Map.of("text", InspectionText.of(report), "json", InspectionJson.of(report));
    }

    private Inspection inspect() {
        var options = ClientOptions.DEFAULTS.withTimeout(timeout);
        try (var device = RemoteDevice.connect(socket, options)) {
            return Inspection.of(socket, device);
        } catch (SyscallException e) {
            throw SocketPaths.cannotConnect(socket, e);
        } catch (DisconnectedException e) {
            throw new UserError(
                    "%s (is it a vfio-user server, without another client? It has one at a time)"
                            .formatted(e.getMessage()));
        } catch (VfioException e) {
            throw new UserError("the server at %s refused: %s".formatted(socket, e.getMessage()));
        }
    }
}
