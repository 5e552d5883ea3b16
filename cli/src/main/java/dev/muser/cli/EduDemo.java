package dev.muser.cli;

import dev.muser.client.PciFunction;
import dev.muser.client.RemoteDevice;
import dev.muser.client.edu.EduDriver;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;

/** {@code muser demo edu}: QEMU's teaching device, checked, and how long a register takes. */
final class EduDemo implements Demo {
    /** How long register accesses are measured. */
    private static final Duration MEASURED = Duration.ofSeconds(3);

    @Override
    public boolean run(Workshop workshop, PrintWriter out) {
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

    @Override
    public void sayNext(PrintWriter out) {
        var socket = Path.of("/tmp/edu.sock");
        out.println();
        out.println(
                "All checks passed. To give the device to a virtual machine (QEMU 11.1 or later):");
        out.println("  ./muser serve edu --socket-path " + socket);
        out.println("  qemu-system-x86_64 " + AttachHint.memory() + " \\");
        out.println("    " + AttachHint.option(socket) + " ...");
    }
}
