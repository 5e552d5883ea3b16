package dev.muser.cli;

import dev.muser.cli.demo.BlockPattern;
import dev.muser.cli.demo.DiskWorkload;
import dev.muser.cli.demo.Progress;
import dev.muser.client.PciFunction;
import dev.muser.client.RemoteDevice;
import dev.muser.client.nvme.NvmeDriver;
import dev.muser.client.nvme.NvmeDriverOptions;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;

/**
 * {@code muser demo}: an image behind an NVMe controller, written and read at random, all of it
 * verified, and once more after the controller was shut down.
 */
final class NvmeDemo implements Demo {
    private static final String SIZE = "1G";

    /** The part of the disk that is used, so that the image stays small. */
    private static final long USED = 128L << 20;

    private static final Duration EACH = Duration.ofMillis(2_300);

    /** With one CPU, a driver that polls would keep the disk from its work. */
    private static final boolean POLLS = Runtime.getRuntime().availableProcessors() > 1;

    private record Step(int queues, int depth) {
        String text() {
            return "%d queue%s, depth %d".formatted(queues, queues == 1 ? "" : "s", depth);
        }
    }

    private static final Step[] STEPS = {new Step(1, 1), new Step(1, 32), new Step(4, 32)};

    @Override
    public boolean run(Workshop workshop, PrintWriter out) {
        var socket = workshop.path("disk.sock");
        var image = workshop.path("disk.img");
        var child =
                workshop.start(
                        "serve",
                        "nvme",
                        "--quiet",
                        "--no-control",
                        "--policy",
                        "adaptive",
                        "--spin",
                        "1ms",
                        "--until-stdin-closes",
                        "--file",
                        image.toString(),
                        "--size",
                        SIZE,
                        "--socket-path",
                        socket.toString());
        out.printf("A disk of %sB, an image, runs in process %d: %s.%n", SIZE, child.pid(), image);
        out.printf(
                "Its driver runs in this one, %d, and reaches it by %s.%n",
                ProcessHandle.current().pid(), socket);
        out.flush();
        var pattern = new BlockPattern(USED, System.nanoTime());
        boolean passed = true;
        boolean first = true;
        for (var step : STEPS) {
            try (var session = Session.open(socket, step)) {
                if (first) {
                    describe(session.driver, out);
                    Progress.printHeading(out);
                    first = false;
                }
                passed &= measure(session, step, pattern, out);
            }
        }
        try (var session = Session.open(socket, STEPS[1])) {
            passed &= readBack(session, pattern, out);
        }
        return passed;
    }

    private static void describe(NvmeDriver driver, PrintWriter out) {
        var info = driver.info();
        var namespace = driver.namespaces().getFirst();
        out.printf(
                "%nNVMe controller '%s', serial %s; namespace %d: %,d blocks of %d bytes%n",
                info.model(),
                info.serial(),
                namespace.id(),
                namespace.blocks(),
                namespace.blockSize());
        out.printf(
                "%n4 KiB at random, reads and writes by turns, each read compared with what was"
                        + " written:%n");
        out.flush();
    }

    private static boolean measure(
            Session session, Step step, BlockPattern pattern, PrintWriter out) {
        var work = new DiskWorkload(session.function, session.driver, pattern, !POLLS);
        var progress = new Progress(out, step.text(), EACH, Terminal.isOutput());
        boolean passed = work.run(EACH, progress::update);
        progress.done(work.result());
        if (!passed) {
            out.println("  FAILED: " + work.complaint());
        }
        out.flush();
        return passed;
    }

    private static boolean readBack(Session session, BlockPattern pattern, PrintWriter out) {
        var work = new DiskWorkload(session.function, session.driver, pattern, !POLLS);
        long read = work.readBack();
        boolean passed = work.complaint().isEmpty();
        out.printf(
                "  %-6s all %,d blocks once more, after the controller was shut down and enabled"
                        + " again%n",
                passed ? "ok" : "FAILED", read);
        if (!passed) {
            out.println("  " + work.complaint());
        }
        out.flush();
        return passed;
    }

    /** A driver from its connection to its end. */
    private record Session(RemoteDevice device, PciFunction function, NvmeDriver driver)
            implements AutoCloseable {

        static Session open(Path socket, Step step) {
            var device = RemoteDevice.connect(socket);
            try {
                var function = new PciFunction(device);
                var mode =
                        POLLS ? NvmeDriverOptions.Mode.POLLING : NvmeDriverOptions.Mode.INTERRUPT;
                return new Session(
                        device,
                        function,
                        NvmeDriver.open(
                                function,
                                NvmeDriverOptions.DEFAULTS
                                        .withQueues(step.queues)
                                        .withDepth(step.depth)
                                        .withMaxTransfer(128 << 10)
                                        .withMode(mode)));
            } catch (RuntimeException e) {
                device.close();
                throw e;
            }
        }

        @Override
        public void close() {
            try {
                driver.close();
                function.close();
            } finally {
                device.close();
            }
        }
    }

    @Override
    public void sayNext(PrintWriter out) {
        var socket = Path.of("/tmp/disk.sock");
        out.println();
        out.println("Every byte was right. To give such a disk to a virtual machine:");
        out.println("  ./muser serve nvme --file disk.img --size 10G --socket-path " + socket);
        out.println("and, with QEMU 11.1 or later, whose memory must be shared:");
        out.println("  qemu-system-x86_64 -M q35 " + AttachHint.memory() + " \\");
        out.println("    " + AttachHint.option(socket) + " ...");
        out.println("The guest sees /dev/nvme0n1, and boots from it if there is a system on it.");
        out.println("docs/nvme.md tells of Cloud Hypervisor, libvirt, NBD, limits and the rest.");
    }
}
