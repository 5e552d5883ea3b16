package dev.muser.cli;

import dev.muser.cli.demo.BlockPattern;
import dev.muser.cli.demo.DiskWorkload;
import dev.muser.client.PciFunction;
import dev.muser.client.RemoteDevice;
import dev.muser.client.edu.EduDriver;
import dev.muser.client.nvme.NvmeDriver;
import dev.muser.client.nvme.NvmeDriverOptions;
import java.io.PrintWriter;
import java.io.Writer;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * {@code muser train}: serves devices and drives them, for the ahead-of-time cache that is recorded
 * meanwhile. No more than that: every class in the cache is memory of every server.
 */
@Command(name = "train", hidden = true, description = "The training run of the build.")
final class TrainCommand extends BaseCommand implements Callable<Integer> {
    private static final int ACCESSES = 30_000;

    private static final long DISK = 64L << 20;
    private static final Duration DRIVEN = Duration.ofSeconds(2);

    /** How often somebody who waits for a server looks for it, in milliseconds, and at most. */
    private static final int PAUSE = 50;

    private static final int PAUSES = 600;

    @Option(
            names = "--drive",
            paramLabel = "SOCKET",
            description = "Drive the disk there, once it is, and nothing else.")
    private @Nullable Path disk;

    @Override
    public Integer call() throws InterruptedException {
        if (disk != null) {
            for (int i = 0; i < PAUSES && !Files.exists(disk); i++) {
                Thread.sleep(PAUSE);
            }
            driveDisk(disk);
            return ExitCode.OK;
        }
        run("--version");
        try (var workshop = new Workshop("train")) {
            serveEdu(workshop.path("edu.sock"));
            serveDisk(workshop.path("disk.sock"));
        }
        return ExitCode.OK;
    }

    private static OrderlyStop serve(Path socket, String... arguments) {
        var words = new ArrayList<>(List.of("serve", "--socket-path", socket.toString()));
        words.addAll(List.of(arguments));
        var parsed = Main.commandLine().parseArgs(words.toArray(String[]::new));
        var command = (ServeCommand) parsed.subcommand().commandSpec().userObject();
        var stop = command.open();
        command.sayReady(new PrintWriter(Writer.nullWriter()));
        return stop;
    }

    private static void serveEdu(Path socket) {
        try (var _ = serve(socket, "edu");
                var device = RemoteDevice.connect(socket);
                var function = new PciFunction(device)) {
            drive(new EduDriver(function));
            for (int i = 0; i < ACCESSES; i++) {
                function.bar(0).write32(4, i);
                function.bar(0).read32(4);
            }
        }
    }

    private static void serveDisk(Path socket) {
        try (var _ = serve(socket, "nvme", "--memory", Long.toString(DISK))) {
            driveDisk(socket);
        }
    }

    private static void driveDisk(Path socket) {
        try (var device = RemoteDevice.connect(socket);
                var function = new PciFunction(device);
                var driver = NvmeDriver.open(function, NvmeDriverOptions.DEFAULTS.withQueues(2))) {
            var pattern = new BlockPattern(DISK, 1);
            new DiskWorkload(function, driver, pattern, false).run(DRIVEN, (result, done) -> {});
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
