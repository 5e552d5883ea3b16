package dev.muser.cli.control;

import dev.muser.cli.pci.Sizes;
import dev.muser.devices.nvme.NvmeStatus;
import dev.muser.devices.nvme.NvmeStatus.CompletionQueueStatus;
import dev.muser.devices.nvme.NvmeStatus.NamespaceStatus;
import dev.muser.devices.nvme.NvmeStatus.SubmissionQueueStatus;
import java.util.ArrayList;
import java.util.List;

/** What a controller is doing, for people. */
// The annotation would make Error Prone a dependency at run time.
@SuppressWarnings("AnnotateFormatMethod")
final class StatusText {
    private final StringBuilder text = new StringBuilder();

    private StatusText() {}

    static String of(NvmeStatus status) {
        var printer = new StatusText();
        printer.line("");
        printer.line(
                "NVMe: '%s', serial %s: %s, %s",
                status.model(),
                status.serial(),
                StatusJson.word(status.state()),
                status.awake() ? "awake" : "asleep");
        printer.line(
                "\tDoorbells: %s%s",
                StatusJson.word(status.doorbell()),
                status.shadowed() ? ", written to the driver's memory" : "");
        printer.line("\tCommands under way: %,d", status.commandsUnderWay());
        printer.line("");
        printer.line("Namespaces:");
        status.namespaces().forEach(printer::namespace);
        printer.queues(status.submissionQueues(), status.completionQueues());
        return printer.text.toString();
    }

    static String namespaces(NvmeStatus status) {
        var printer = new StatusText();
        status.namespaces().forEach(printer::namespace);
        return printer.text.toString();
    }

    private void namespace(NamespaceStatus n) {
        var words = new ArrayList<String>();
        words.add(n.readOnly() ? "read-only" : "read-write");
        if (!n.attached()) {
            words.add("detached");
        }
        if (n.formatting()) {
            words.add("being formatted");
        }
        line(
                "\t%d  %s  blocks of %d  %s  %s",
                n.id(),
                Sizes.of(n.size()),
                n.blockSize(),
                String.join(", ", words),
                n.description());
        var c = n.counters();
        line(
                "\t\tread %,d bytes by %,d commands, written %,d by %,d",
                c.bytesRead(), c.readCommands(), c.bytesWritten(), c.writeCommands());
        line("\t\tUUID %s", n.uuid());
    }

    private void queues(
            List<SubmissionQueueStatus> submissions, List<CompletionQueueStatus> completions) {
        line("");
        line("Queues: %s", submissions.isEmpty() ? "none, no driver has enabled it" : "");
        for (var q : submissions) {
            line(
                    "\tsubmission %3d  %4d entries to %3d  priority %s  waiting %d  under way %d",
                    q.id(),
                    q.size(),
                    q.completionQueue(),
                    priority(q.priority()),
                    q.waiting(),
                    q.underWay());
        }
        for (var q : completions) {
            line(
                    "\tcompletion %3d  %4d entries  %s  not taken %d",
                    q.id(),
                    q.size(),
                    q.interrupts() ? "interrupt " + q.vector() : "no interrupts",
                    q.waiting());
        }
    }

    private static String priority(int priority) {
        return switch (priority) {
            case 0 -> "urgent";
            case 1 -> "high";
            case 2 -> "medium";
            default -> "low";
        };
    }

    private void line(String format, Object... arguments) {
        text.append(format.formatted(arguments).stripTrailing()).append('\n');
    }
}
