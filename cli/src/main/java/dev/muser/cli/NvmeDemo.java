package dev.muser.cli;

import dev.muser.cli.control.ServingProcess;
import dev.muser.cli.demo.BlockPattern;
import dev.muser.cli.demo.DiskWorkload;
import dev.muser.cli.demo.Interruptions;
import dev.muser.cli.demo.Progress;
import dev.muser.client.PciFunction;
import dev.muser.client.RemoteDevice;
import dev.muser.client.nvme.NvmeDriver;
import dev.muser.client.nvme.NvmeDriverOptions;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * {@code muser demo}: an image behind an NVMe controller, written and read at random, all of it
 * verified, also while its process is killed and upgraded, and once more after the controller was
 * shut down.
 */
final class NvmeDemo implements Demo {
    private static final String SIZE = "1G";

    /** The part of the disk that is used, so that the image stays small. */
    private static final long USED = 128L << 20;

    private static final Duration EACH = Duration.ofMillis(1_500);

    /** With one CPU, a driver that polls would keep the disk from its work. */
    private static final boolean POLLS = Runtime.getRuntime().availableProcessors() > 1;

    /** The keeper's: deaths as frequent as here are no loop of deaths. */
    private static final List<String> KEEPING = List.of("--spare", "--steady=0.2");

    private record Step(int queues, int depth) {
        String text() {
            return "%d queue%s, depth %d".formatted(queues, queues == 1 ? "" : "s", depth);
        }
    }

    private static final Step SHALLOW = new Step(1, 1);
    private static final Step DEEP = new Step(1, 32);
    private static final Step WIDE = new Step(4, 32);

    private final int kills;
    private long commands;
    private long compared;
    private long errors;

    /**
     * @param kills how often the disk's process is killed; with 0, nobody keeps it
     */
    NvmeDemo(int kills) {
        this.kills = kills;
    }

    @Override
    public boolean run(Workshop workshop, PrintWriter out) {
        var socket = workshop.path("disk.sock");
        start(workshop, socket, out);
        var pattern = new BlockPattern(USED, System.nanoTime());
        boolean passed = true;
        for (var step : List.of(SHALLOW, DEEP, WIDE)) {
            try (var session = Session.open(socket, step)) {
                if (step.equals(SHALLOW)) {
                    describe(session.driver, out);
                    Progress.printHeading(out);
                }
                passed &= measure(session, step, pattern, out);
            }
        }
        if (kills > 0 && passed) {
            try (var session = Session.open(socket, WIDE)) {
                passed = interrupt(session, socket, pattern, out);
            }
        }
        try (var session = Session.open(socket, DEEP)) {
            passed &= readBack(session, pattern, out);
        }
        out.printf(
                "%n%,d commands, %,d of them reads of which each byte was compared: %d errors%n",
                commands, compared, errors);
        return passed;
    }

    private void start(Workshop workshop, Path socket, PrintWriter out) {
        var image = workshop.path("disk.img");
        var words =
                new ArrayList<>(
                        List.of(
                                "serve",
                                "nvme",
                                "--quiet",
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
                                socket.toString()));
        long id;
        if (kills > 0) {
            words.addAll(List.of("--keep", "--spare"));
            workshop.startKept(KEEPING, words.toArray(String[]::new));
            id = new ServingProcess(socket).id();
        } else {
            id = workshop.start(words.toArray(String[]::new)).pid();
        }
        out.printf("A disk of %sB, an image, runs in process %d: %s.%n", SIZE, id, image);
        out.printf(
                "Its driver runs in this one, %d, and reaches it by %s.%n",
                ProcessHandle.current().pid(), socket);
        out.flush();
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

    private boolean measure(Session session, Step step, BlockPattern pattern, PrintWriter out) {
        var work = new DiskWorkload(session.function, session.driver, pattern, !POLLS);
        var progress = new Progress(out, step.text(), EACH, Terminal.isOutput());
        boolean passed = work.run(EACH, progress::update);
        progress.done(work.result());
        return count(work, passed, out);
    }

    /** The same load and the same driver, while the disk's process is another again and again. */
    private boolean interrupt(Session session, Path socket, BlockPattern pattern, PrintWriter out) {
        out.printf(
                "%nThe same load, while the disk's process is killed (SIGKILL) %d time%s and"
                        + " upgraded once:%n",
                kills, kills == 1 ? "" : "s");
        out.flush();
        var work = new DiskWorkload(session.function, session.driver, pattern, !POLLS);
        var progress =
                new Progress(out, WIDE.text(), Interruptions.expected(kills), Terminal.isOutput());
        try (var events = new Interruptions(new ServingProcess(socket), work, kills)) {
            boolean passed =
                    work.run(
                            _ -> events.done(),
                            (result, done) -> {
                                showNews(events, progress);
                                progress.update(result, done);
                            });
            showNews(events, progress);
            progress.done(work.result());
            if (!events.complaint().isEmpty()) {
                out.println("  FAILED: " + events.complaint());
                passed = false;
            }
            return count(work, passed, out);
        }
    }

    private static void showNews(Interruptions events, Progress progress) {
        for (var line = events.news(); line != null; line = events.news()) {
            progress.event(line);
        }
    }

    private boolean readBack(Session session, BlockPattern pattern, PrintWriter out) {
        var work = new DiskWorkload(session.function, session.driver, pattern, !POLLS);
        long read = work.readBack();
        boolean passed = work.complaint().isEmpty();
        out.printf(
                "  %-6s all %,d blocks once more, after the controller was shut down and enabled"
                        + " again%n",
                passed ? "ok" : "FAILED", read);
        return count(work, passed, out);
    }

    private boolean count(DiskWorkload work, boolean passed, PrintWriter out) {
        commands += work.result().operations();
        compared += work.reads();
        errors += work.errors();
        if (!work.complaint().isEmpty()) {
            out.println("  FAILED: " + work.complaint());
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
        out.println("To give such a disk to a virtual machine:");
        out.println(
                "  ./muser serve nvme --keep --spare --file disk.img --size 10G --socket-path "
                        + socket);
        out.println("and, with QEMU 11.1 or later, whose memory must be shared:");
        out.println("  qemu-system-x86_64 -M q35 " + AttachHint.memory() + " \\");
        out.println("    " + AttachHint.option(socket) + " ...");
        out.println("The guest sees /dev/nvme0n1, and boots from it if there is a system on it.");
        out.println(
                "Later, while the guest runs, 'muser upgrade " + socket + "' brings a new build.");
        out.println("docs/nvme.md tells of Cloud Hypervisor, libvirt, NBD, limits and the rest;");
        out.println("docs/restart.md of kills and upgrades.");
    }
}
