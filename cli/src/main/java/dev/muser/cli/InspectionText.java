package dev.muser.cli;

import dev.muser.cli.pci.Function;
import dev.muser.cli.pci.Row;
import dev.muser.cli.pci.Sizes;
import dev.muser.client.Limits;
import dev.muser.device.IoEventFd;
import dev.muser.device.IrqInfo;
import dev.muser.device.RegionInfo;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/** An inspection, for people: first as {@code lspci -vv} would print it, then what VFIO adds. */
// The annotation would make Error Prone a dependency at run time.
@SuppressWarnings("AnnotateFormatMethod")
final class InspectionText {
    private final Inspection report;
    private final StringBuilder text = new StringBuilder();

    private InspectionText(Inspection report) {
        this.report = report;
    }

    static String of(Inspection report) {
        var printer = new InspectionText(report);
        printer.print();
        return printer.text.toString();
    }

    private void print() {
        var function = report.function();
        if (function == null) {
            line("%s: no PCI configuration space", report.socket());
        } else {
            function(function);
        }
        regions();
        interrupts();
        line("");
        line("Reset: %s", report.info().resettable() ? "yes" : "no");
        line("Migration: %s", report.migration());
        var limits = report.limits();
        if (limits != null) {
            agreed(limits);
        }
    }

    private void agreed(Limits limits) {
        line(
                "Agreed: protocol 0.%d, transfers of %s, %d descriptors a message, %d DMA mappings,"
                        + " pages of %s, write-multiple%s, twin-socket%s",
                limits.minor(),
                Sizes.of(limits.maxTransfer()),
                limits.maxDescriptors(),
                limits.maxDmaMaps(),
                pages(limits.pageSizes()),
                limits.writeMultiple() ? "+" : "-",
                limits.twinSocket() ? "+" : "-");
    }

    private void function(Function f) {
        line(
                "%s: %s [%04x]: %04x:%04x (rev %02x)%s",
                report.socket(),
                f.className(),
                f.classCode() >>> 8,
                f.vendor(),
                f.device(),
                f.revision(),
                (f.classCode() & 0xff) == 0
                        ? ""
                        : " (prog-if %02x)".formatted(f.classCode() & 0xff));
        rows("\t", f.header());
        for (var capability : f.capabilities()) {
            line(
                    "\tCapabilities: [%s] %s",
                    (capability.extended() ? "%03x" : "%02x").formatted(capability.offset()),
                    capability.name());
            rows("\t\t", capability.rows());
        }
        f.problems().forEach(problem -> line("\tWrong: %s", problem));
    }

    private void rows(String indent, List<Row> rows) {
        rows.forEach(row -> line("%s%s: %s", indent, row.label(), row.text()));
    }

    private void regions() {
        line("");
        line("Regions:");
        for (int i = 0; i < report.regions().size(); i++) {
            var region = report.regions().get(i);
            if (region.size() != 0) {
                line(
                        "\t%d %-6s %8s  %s%s  %s",
                        i,
                        report.regionName(i),
                        Sizes.of(region.size()),
                        region.readable() ? "r" : "-",
                        region.writable() ? "w" : "-",
                        mappable(region));
            }
            for (var eventFd : report.ioEventFds().get(i)) {
                line("\t\t%s", describe(eventFd));
            }
        }
    }

    private static String mappable(RegionInfo region) {
        if (!region.mappable()) {
            return "by messages";
        }
        return region.areas().stream()
                .map(area ->
                        area.offset() == 0 && area.size() == region.size()
                                ? "mappable"
                                : "mappable at %x [size=%s]"
                                        .formatted(area.offset(), Sizes.of(area.size())))
                .collect(Collectors.joining(", "));
    }

    static String describe(IoEventFd e) {
        return "ioeventfd at %x, %s, %s%s"
                .formatted(
                        e.offset(),
                        e.size() == 0 ? "any width" : e.size() + " bytes",
                        e.dataMatch().isPresent()
                                ? "value %x".formatted(e.dataMatch().getAsLong())
                                : "any value",
                        e.eventFd() == null ? ", not given out" : "");
    }

    private void interrupts() {
        line("");
        line("Interrupts:");
        boolean any = false;
        for (int i = 0; i < report.irqs().size(); i++) {
            var irq = report.irqs().get(i);
            if (irq.count() > 0) {
                any = true;
                line("\t%d %-6s %4d  %s", i, report.irqName(i), irq.count(), flags(irq));
            }
        }
        if (!any) {
            line("\tnone");
        }
    }

    private static String flags(IrqInfo irq) {
        var words = new ArrayList<String>();
        if (irq.eventFd()) {
            words.add("eventfd");
        }
        if (irq.maskable()) {
            words.add("maskable");
        }
        if (irq.autoMasked()) {
            words.add("automasked");
        }
        if (irq.noResize()) {
            words.add("noresize");
        }
        return String.join(" ", words);
    }

    private static String pages(long bits) {
        var sizes = new ArrayList<String>();
        for (long left = bits; left != 0; left &= left - 1) {
            sizes.add(Sizes.of(Long.lowestOneBit(left)));
        }
        return String.join(" ", sizes);
    }

    private void line(String format, Object... arguments) {
        text.append(format.formatted(arguments).stripTrailing()).append('\n');
    }
}
