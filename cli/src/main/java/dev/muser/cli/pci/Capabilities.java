package dev.muser.cli.pci;

import static dev.muser.cli.pci.Row.named;

import java.util.ArrayList;
import java.util.List;

/** Capabilities of the first 256 bytes (PCI Local Bus 3.0, appendix H and chapter 6). */
final class Capabilities {
    private Capabilities() {}

    static Structure decode(ConfigBytes c, int at) {
        int id = c.u8(at);
        return switch (id) {
            case 0x01 -> structure(at, id, "Power Management", powerManagement(c, at));
            case 0x03 -> structure(at, id, "Vital Product Data", List.of());
            case 0x05 -> structure(at, id, "MSI", msi(c, at));
            case 0x09 -> structure(at, id, "Vendor Specific", vendorSpecific(c, at));
            case 0x0d ->
                    structure(
                            at,
                            id,
                            "Subsystem",
                            List.of(Row.of("ID", "%04x:%04x", c.u16(at + 4), c.u16(at + 6))));
            case 0x10 -> structure(at, id, "PCI Express", PciExpressCapability.rows(c, at));
            case 0x11 -> structure(at, id, "MSI-X", msiX(c, at));
            case 0x13 -> structure(at, id, "Advanced Features", advancedFeatures(c, at));
            case 0x02 -> structure(at, id, "AGP", List.of());
            case 0x04 -> structure(at, id, "Slot Identification", List.of());
            case 0x07 -> structure(at, id, "PCI-X", List.of());
            case 0x08 -> structure(at, id, "HyperTransport", List.of());
            case 0x12 -> structure(at, id, "SATA", List.of());
            case 0x14 -> structure(at, id, "Enhanced Allocation", List.of());
            default ->
                    structure(
                            at,
                            id,
                            "Capability %02x".formatted(id),
                            List.of(new Row("Bytes", c.hex(at, 16))));
        };
    }

    private static Structure structure(int at, int id, String name, List<Row> rows) {
        return new Structure(at, id, false, name, rows);
    }

    /** PCI Power Management 1.2, 3.2: PMC u16 @2, PMCSR u16 @4. */
    private static List<Row> powerManagement(ConfigBytes c, int at) {
        int pmc = c.u16(at + 2);
        int pmcsr = c.u16(at + 4);
        return List.of(
                Row.flags(
                                "Flags",
                                pmc,
                                named(
                                        "3 PMEClk",
                                        "5 DSI",
                                        "9 D1",
                                        "10 D2",
                                        "11 PME(D0)",
                                        "12 PME(D1)",
                                        "13 PME(D2)",
                                        "14 PME(D3hot)",
                                        "15 PME(D3cold)"))
                        .and("version %d", pmc & 7),
                Row.flags("Status", pmcsr, named("3 NoSoftRst", "8 PME-Enable", "15 PME"))
                        .and("in D%d", pmcsr & 3));
    }

    /**
     * PCI Local Bus 3.0, 6.8.1: control u16 @2, address u32 @4 (u64 when control bit 7 is set),
     * data u16 behind it, mask and pending u32 behind that when control bit 8 is set.
     */
    private static List<Row> msi(ConfigBytes c, int at) {
        int control = c.u16(at + 2);
        boolean wide = (control & 0x80) != 0;
        var rows = new ArrayList<Row>();
        rows.add(
                Row.flags("Control", control, named("0 Enable", "7 64bit", "8 Maskable"))
                        .and("Count=%d/%d", 1 << (control >> 4 & 7), 1 << (control >> 1 & 7)));
        int data = at + (wide ? 12 : 8);
        rows.add(
                Row.of(
                        "Message",
                        "address %s data %04x",
                        wide ? "%016x".formatted(c.u64(at + 4)) : "%08x".formatted(c.u32(at + 4)),
                        c.u16(data)));
        if ((control & 0x100) != 0) {
            rows.add(Row.of("Masking", "%08x pending %08x", c.u32(data + 4), c.u32(data + 8)));
        }
        return rows;
    }

    /** Length u8 @2. */
    private static List<Row> vendorSpecific(ConfigBytes c, int at) {
        int length = c.u8(at + 2);
        return List.of(
                Row.of("Length", "%d", length),
                new Row("Bytes", c.hex(at + 3, Math.max(0, length - 3))));
    }

    /**
     * PCI Local Bus 3.0, 6.8.2: control u16 @2, table u32 @4, pending bits u32 @8; the lower 3 bits
     * of these two are the BAR.
     */
    private static List<Row> msiX(ConfigBytes c, int at) {
        int control = c.u16(at + 2);
        return List.of(
                Row.flags("Control", control, named("15 Enable", "14 Masked"))
                        .and("Count=%d", (control & 0x7ff) + 1),
                inBar("Vector table", c.u32(at + 4)),
                inBar("Pending bits", c.u32(at + 8)));
    }

    private static Row inBar(String label, long register) {
        return Row.of(label, "BAR=%d offset=%08x", register & 7, register & ~7L);
    }

    /** Advanced Capabilities for Conventional PCI: capabilities u8 @3, control u8 @4, status @5. */
    private static List<Row> advancedFeatures(ConfigBytes c, int at) {
        return List.of(
                Row.flags("Capabilities", c.u8(at + 3), named("0 TP", "1 FLR")),
                Row.flags("Status", c.u8(at + 5), named("0 TransPend")));
    }
}
