package dev.muser.cli;

import dev.muser.client.DisconnectedException;
import dev.muser.client.nvme.NvmeException;
import dev.muser.linux.SyscallException;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code muser demo}. */
@Command(
        name = "demo",
        description = {
            "Serve a disk (NVMe, in an image) in a process of its own, drive it from this one with"
                    + " random reads and writes, each of them verified, and say how fast that is.",
            "Meanwhile the disk's process is killed ten times and upgraded once; its driver"
                    + " notices nothing but pauses, each of which is shown.",
            "With 'edu' QEMU's teaching device: registers, interrupts, DMA.",
            "Takes less than half a minute; leaves nothing behind."
        })
final class DemoCommand extends BaseCommand implements Callable<Integer> {
    private static final List<String> NAMES = List.of("nvme", "edu");
    private static final int KILLS = 10;
    private static final int MOST_KILLS = 10_000;

    @Parameters(
            paramLabel = "DEVICE",
            arity = "0..1",
            defaultValue = "nvme",
            completionCandidates = DemoCommand.Names.class,
            description = "What is shown: nvme or edu; nvme unless given.")
    private String device = "nvme";

    @Option(
            names = "--kills",
            paramLabel = "N",
            description =
                    "How often the disk's process is killed, at moments of chance: 10 unless given;"
                            + " 0 for not at all, and no upgrade.")
    private @Nullable Integer kills;

    /** What can be typed for DEVICE. */
    static final class Names implements Iterable<String> {
        @Override
        public Iterator<String> iterator() {
            return NAMES.iterator();
        }
    }

    @Override
    public Integer call() throws InterruptedException {
        var demo =
                switch (device) {
                    case "nvme" -> new NvmeDemo(kills());
                    case "edu" -> edu();
                    default ->
                            throw new UserError(
                                    "'%s' is not shown: only %s are"
                                            .formatted(device, String.join(" and ", NAMES)));
                };
        var out = out();
        boolean passed;
        try (var workshop = new Workshop("demo")) {
            try {
                passed = demo.run(workshop, out);
            } catch (DisconnectedException
                    | SyscallException
                    | NvmeException
                    | UserError
                    | IllegalStateException e) {
                Thread.sleep(200); // Ctrl-C reaches the child, too, and maybe sooner
                if (!workshop.isInterrupted()) {
                    out.println("  FAILED: " + e.getMessage());
                }
                passed = false;
            }
            if (!passed && !workshop.isInterrupted()) {
                workshop.complaints().forEach(line -> out.println("  " + line));
            }
        }
        if (passed) {
            demo.sayNext(out);
        }
        out.flush();
        return passed ? ExitCode.OK : ExitCode.FAILED;
    }

    private int kills() {
        int number = kills == null ? KILLS : kills;
        if (number < 0 || number > MOST_KILLS) {
            throw new UserError("--kills %d: must be 0 to %d".formatted(number, MOST_KILLS));
        }
        return number;
    }

    private Demo edu() {
        if (kills != null) {
            throw new UserError("--kills is for nvme, and the device is edu");
        }
        return new EduDemo();
    }
}
