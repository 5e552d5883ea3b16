package dev.muser.cli;

import dev.muser.client.DisconnectedException;
import dev.muser.client.nvme.NvmeException;
import dev.muser.linux.SyscallException;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** {@code muser demo}. */
@Command(
        name = "demo",
        description = {
            "Serve a disk (NVMe, in an image) in a process of its own, drive it from this one with"
                    + " random reads and writes, each of them verified, and say how fast that is.",
            "With 'edu' the same for QEMU's teaching device: registers, interrupts, DMA.",
            "Takes some ten seconds; leaves nothing behind."
        })
final class DemoCommand extends BaseCommand implements Callable<Integer> {
    private static final List<String> NAMES = List.of("nvme", "edu");

    @Parameters(
            paramLabel = "DEVICE",
            arity = "0..1",
            defaultValue = "nvme",
            completionCandidates = DemoCommand.Names.class,
            description = "What is shown: nvme or edu; nvme unless given.")
    private String device = "nvme";

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
                    case "nvme" -> new NvmeDemo();
                    case "edu" -> new EduDemo();
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
                    | IllegalStateException e) {
                Thread.sleep(200); // Ctrl-C reaches the child, too, and maybe sooner
                if (!workshop.isInterrupted()) {
                    out.println("  FAILED: " + e.getMessage());
                }
                passed = false;
            }
        }
        if (passed) {
            demo.sayNext(out);
        }
        out.flush();
        return passed ? ExitCode.OK : ExitCode.FAILED;
    }
}
