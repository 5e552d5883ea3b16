package dev.muser.cli;

import dev.muser.client.PciFunction;
import dev.muser.client.RemoteDevice;
import dev.muser.client.edu.EduDriver;
import java.io.PrintWriter;
import java.io.Writer;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;

/**
 * {@code muser train}: serves a device and drives it, for the ahead-of-time cache that is recorded
 * meanwhile. No more than that: every class in the cache is memory of every server.
 */
@Command(name = "train", hidden = true, description = "The training run of the build.")
final class TrainCommand extends BaseCommand implements Callable<Integer> {
    private static final int ACCESSES = 30_000;

    @Override
    public Integer call() {
        run("--version");
        try (var workshop = new Workshop("train")) {
            serve(workshop.path("edu.sock"));
        }
        return ExitCode.OK;
    }

    private static void serve(Path socket) {
        var line = Main.commandLine();
        var parsed = line.parseArgs("serve", "edu", "--socket-path", socket.toString());
        var command = (ServeCommand) parsed.subcommand().commandSpec().userObject();
        var silent = new PrintWriter(Writer.nullWriter());
        try (var _ = command.open()) {
            command.sayReady(silent);
            try (var device = RemoteDevice.connect(socket);
                    var function = new PciFunction(device)) {
                drive(new EduDriver(function));
                for (int i = 0; i < ACCESSES; i++) {
                    function.bar(0).write32(4, i);
                    function.bar(0).read32(4);
                }
            }
        }
    }

    private static void drive(EduDriver driver) {
        driver.isAlive();
        driver.factorial(5);
        try (var arena = Arena.ofConfined()) {
            var data = arena.allocate(EduDriver.DEVICE_MEMORY_SIZE);
            driver.store(data);
            driver.load(data);
        }
    }

    private static void run(String... arguments) {
        var silent = new PrintWriter(Writer.nullWriter());
        Main.commandLine(arguments).setOut(silent).setErr(silent).execute(arguments);
    }
}
