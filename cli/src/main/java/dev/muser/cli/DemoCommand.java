package dev.muser.cli;

import dev.muser.client.DisconnectedException;
import dev.muser.client.PciFunction;
import dev.muser.client.RemoteDevice;
import dev.muser.client.edu.EduDriver;
import dev.muser.linux.SyscallException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;

/** {@code muser demo}. */
@Command(
        name = "demo",
        description =
                "Serve 'edu', QEMU's teaching device, in a process of its own, drive it from this"
                        + " one, and measure. Takes some seconds; leaves nothing behind.")
final class DemoCommand extends BaseCommand implements Callable<Integer> {
    /** How long register accesses are measured. */
    private static final Duration MEASURED = Duration.ofSeconds(3);

    @Override
    public Integer call() throws InterruptedException {
        var out = out();
        boolean passed;
        try (var workshop = new Workshop("demo")) {
            try {
                passed = run(workshop, out);
            } catch (DisconnectedException | SyscallException | IllegalStateException e) {
                Thread.sleep(200); // Ctrl-C reaches the child, too, and maybe sooner
                if (!workshop.isInterrupted()) {
                    out.println("  FAILED: " + e.getMessage());
                }
                passed = false;
            }
        }
        if (passed) {
            sayNext(out);
        }
        out.flush();
        return passed ? ExitCode.OK : ExitCode.FAILED;
    }

    private static boolean run(Workshop workshop, PrintWriter out) {
        var socket = workshop.path("edu.sock");
        var child =
                workshop.start(
                        "serve",
                        "edu",
                        "--quiet",
                        "--until-stdin-closes",
                        "--socket-path",
                        socket.toString());
        out.printf("The device 'edu' runs in process %d, behind %s.%n", child.pid(), socket);
        out.printf("Its driver runs in this one, %d.%n", ProcessHandle.current().pid());
        out.flush();
        try (var device = RemoteDevice.connect(socket);
                var function = new PciFunction(device)) {
            var config = function.config();
            out.printf(
                    "%nPCI %04x:%04x revision %02x, class %06x%n",
                    config.vendorId(), config.deviceId(), config.revision(), config.classCode());
            var driver = new EduDriver(function);
            boolean passed = new EduChecks(driver, out).run();
            var pong = workshop.path("pong.sock");
            workshop.start("pong", pong.toString());
            RegisterLatency.measure(function.bar(0), pong, MEASURED).print(out);
            return passed;
        }
    }

    private static void sayNext(PrintWriter out) {
        var socket = Path.of("/tmp/edu.sock");
        out.println();
        out.println(
                "All checks passed. To give the device to a virtual machine (QEMU 11.1 or later):");
        out.println("  ./muser serve edu --socket-path " + socket);
        out.println("  qemu-system-x86_64 " + AttachHint.memory() + " \\");
        out.println("    " + AttachHint.option(socket) + " ...");
    }
}
