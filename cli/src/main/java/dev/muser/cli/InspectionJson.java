package dev.muser.cli;

import dev.muser.cli.pci.Function;
import dev.muser.cli.pci.Row;
import dev.muser.cli.pci.Structure;
import dev.muser.client.Limits;
import dev.muser.device.IoEventFd;
import dev.muser.device.IrqInfo;
import dev.muser.device.RegionInfo;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * An inspection, for programs. Numbers that people know in hexadecimal (IDs, offsets in
 * configuration space) are strings such as {@code "0x1234"}; sizes are numbers.
 */
final class InspectionJson {
    private InspectionJson() {}

    static Map<String, Object> of(Inspection report) {
        var map = new LinkedHashMap<String, Object>();
        map.put("socket", report.socket().toString());
        map.put("pci", report.info().pci());
        map.put("resettable", report.info().resettable());
        var function = report.function();
        if (function != null) {
            map.put("function", function(function));
        }
        var regions = new ArrayList<Object>();
        for (int i = 0; i < report.regions().size(); i++) {
            regions.add(
                    region(
                            i,
                            report.regionName(i),
                            report.regions().get(i),
                            report.ioEventFds().get(i)));
        }
        map.put("regions", regions);
        var irqs = new ArrayList<Object>();
        for (int i = 0; i < report.irqs().size(); i++) {
            irqs.add(irq(i, report.irqName(i), report.irqs().get(i)));
        }
        map.put("interrupts", irqs);
        var limits = report.limits();
        if (limits != null) {
            map.put("limits", limits(limits));
        }
        map.put("migration", report.migration());
        return map;
    }

    private static Object function(Function f) {
        var map = new LinkedHashMap<String, Object>();
        map.put("vendor", hex(f.vendor(), 4));
        map.put("device", hex(f.device(), 4));
        map.put("revision", hex(f.revision(), 2));
        map.put("class", hex(f.classCode(), 6));
        map.put("className", f.className());
        map.put("header", rows(f.header()));
        map.put("capabilities", f.capabilities().stream().map(InspectionJson::structure).toList());
        map.put("problems", f.problems());
        return map;
    }

    private static Object structure(Structure s) {
        var map = new LinkedHashMap<String, Object>();
        map.put("offset", hex(s.offset(), s.extended() ? 3 : 2));
        map.put("id", hex(s.id(), s.extended() ? 4 : 2));
        map.put("extended", s.extended());
        map.put("name", s.name());
        map.put("registers", rows(s.rows()));
        return map;
    }

    private static Map<String, Object> rows(List<Row> rows) {
        var map = new LinkedHashMap<String, Object>();
        rows.forEach(row -> map.put(row.label(), row.text()));
        return map;
    }

    private static Object region(int index, String name, RegionInfo region, List<IoEventFd> fds) {
        var map = new LinkedHashMap<String, Object>();
        map.put("index", index);
        map.put("name", name);
        map.put("size", region.size());
        map.put("readable", region.readable());
        map.put("writable", region.writable());
        map.put(
                "mappable",
                region.areas().stream()
                        .map(area -> Map.of("offset", area.offset(), "size", area.size()))
                        .toList());
        map.put("ioeventfds", fds.stream().map(InspectionJson::ioEventFd).toList());
        return map;
    }

    private static Object ioEventFd(IoEventFd e) {
        var map = new LinkedHashMap<String, Object>();
        map.put("offset", e.offset());
        map.put("size", e.size());
        map.put("givenOut", e.eventFd() != null);
        e.dataMatch().ifPresent(value -> map.put("value", value));
        return map;
    }

    private static Object irq(int index, String name, IrqInfo irq) {
        var map = new LinkedHashMap<String, Object>();
        map.put("index", index);
        map.put("name", name);
        map.put("count", irq.count());
        map.put("eventfd", irq.eventFd());
        map.put("maskable", irq.maskable());
        map.put("autoMasked", irq.autoMasked());
        map.put("noResize", irq.noResize());
        return map;
    }

    private static Object limits(Limits limits) {
        var map = new LinkedHashMap<String, Object>();
        map.put("protocol", "0." + limits.minor());
        map.put("maxTransfer", limits.maxTransfer());
        map.put("maxDescriptors", limits.maxDescriptors());
        map.put("maxDmaMaps", limits.maxDmaMaps());
        map.put("pageSizes", hex(limits.pageSizes(), 4));
        map.put("writeMultiple", limits.writeMultiple());
        map.put("twinSocket", limits.twinSocket());
        return map;
    }

    private static String hex(long number, int digits) {
        return "0x" + ("%0" + digits + "x").formatted(number);
    }
}
