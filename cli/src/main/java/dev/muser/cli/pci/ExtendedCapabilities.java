package dev.muser.cli.pci;

import static dev.muser.cli.pci.Row.named;

import java.util.List;

/** Capabilities from 0x100 on (PCI Express Base, 7.6 to 7.9). */
final class ExtendedCapabilities {
    private static final Row.Flag[] UNCORRECTABLE =
            named(
                    "4 DLP",
                    "5 SDES",
                    "12 TLP",
                    "13 FCP",
                    "14 CmpltTO",
                    "15 CmpltAbrt",
                    "16 UnxCmplt",
                    "17 RxOF",
                    "18 MalfTLP",
                    "19 ECRC",
                    "20 UnsupReq",
                    "21 ACSViol",
                    "22 UncorrIntErr",
                    "23 BlockedTLP",
                    "24 AtomicOpBlocked",
                    "25 TLPBlockedErr");
    private static final Row.Flag[] CORRECTABLE =
            named(
                    "0 RxErr",
                    "6 BadTLP",
                    "7 BadDLLP",
                    "8 Rollover",
                    "12 Timeout",
                    "13 AdvNonFatalErr",
                    "14 CorrIntErr",
                    "15 HeaderOF");
    private static final Row.Flag[] ERROR_CONTROL =
            named("5 ECRCGenCap", "6 ECRCGenEn", "7 ECRCChkCap", "8 ECRCChkEn");
    private static final Row.Flag[] ACS =
            named(
                    "0 SrcValid",
                    "1 TransBlk",
                    "2 ReqRedir",
                    "3 CmpltRedir",
                    "4 UpstreamFwd",
                    "5 EgressCtrl",
                    "6 DirectTrans");

    private ExtendedCapabilities() {}

    static Structure decode(ConfigBytes c, int at) {
        int id = c.u16(at);
        var rows =
                switch (id) {
                    case 0x01 -> errorReporting(c, at);
                    case 0x03 -> List.of(new Row("Number", serial(c.u64(at + 4))));
                    case 0x0b -> vendorSpecific(c, at);
                    case 0x0d ->
                            List.of(
                                    Row.flags("ACSCap", c.u16(at + 4), ACS),
                                    Row.flags("ACSCtl", c.u16(at + 6), ACS));
                    case 0x0e ->
                            List.of(
                                    Row.flags("ARICap", c.u16(at + 4), named("0 MFVC", "1 ACS"))
                                            .and("Next Function: %d", c.u8(at + 5)));
                    case 0x0f ->
                            List.of(
                                    Row.of(
                                            "ATSCap",
                                            "Invalidate Queue Depth: %02x",
                                            c.u8(at + 4) & 0x1f),
                                    Row.flags("ATSCtl", c.u16(at + 6), named("15 Enable"))
                                            .and(
                                                    "Smallest Translation Unit: %02x",
                                                    c.u8(at + 6) & 0x1f));
                    case 0x18 ->
                            List.of(
                                    Row.of("Max snoop latency", "%s", latency(c.u16(at + 4))),
                                    Row.of("Max no snoop latency", "%s", latency(c.u16(at + 6))));
                    case 0x1b ->
                            List.of(
                                    Row.flags("PASIDCap", c.u16(at + 4), named("1 Exec", "2 Priv"))
                                            .and("Max PASID Width: %d", c.u8(at + 5) & 0x1f),
                                    Row.flags(
                                            "PASIDCtl",
                                            c.u16(at + 6),
                                            named("0 Enable", "1 Exec", "2 Priv")));
                    case 0x23 -> designatedVendorSpecific(c, at);
                    default -> List.of(new Row("Bytes", c.hex(at, 16)));
                };
        return new Structure(
                at, id, true, "%s, version %d".formatted(name(id), c.u16(at + 2) & 0xf), rows);
    }

    private static String name(int id) {
        return switch (id) {
            case 0x01 -> "Advanced Error Reporting";
            case 0x02, 0x09 -> "Virtual Channel";
            case 0x03 -> "Device Serial Number";
            case 0x04 -> "Power Budgeting";
            case 0x0b -> "Vendor Specific Information";
            case 0x0d -> "Access Control Services";
            case 0x0e -> "Alternative Routing-ID Interpretation";
            case 0x0f -> "Address Translation Service";
            case 0x10 -> "Single Root I/O Virtualization";
            case 0x12 -> "Multicast";
            case 0x13 -> "Page Request Interface";
            case 0x15 -> "Resizable BAR";
            case 0x16 -> "Dynamic Power Allocation";
            case 0x17 -> "Transaction Processing Hints";
            case 0x18 -> "Latency Tolerance Reporting";
            case 0x19 -> "Secondary PCI Express";
            case 0x1b -> "Process Address Space ID";
            case 0x1d -> "Downstream Port Containment";
            case 0x1e -> "L1 PM Substates";
            case 0x1f -> "Precision Time Measurement";
            case 0x23 -> "Designated Vendor-Specific";
            case 0x25 -> "Data Link Feature";
            case 0x26 -> "Physical Layer 16.0 GT/s";
            case 0x27 -> "Lane Margining at the Receiver";
            case 0x2e -> "Data Object Exchange";
            default -> "Extended capability %04x".formatted(id);
        };
    }

    /**
     * Uncorrectable status, mask, severity u32 @4, @8, @c; correctable status, mask @10, @14;
     * capabilities and control u32 @18; the header of the request that failed, four u32 @1c.
     */
    private static List<Row> errorReporting(ConfigBytes c, int at) {
        long control = c.u32(at + 0x18);
        return List.of(
                Row.flags("UESta", c.u32(at + 4), UNCORRECTABLE),
                Row.flags("UEMsk", c.u32(at + 8), UNCORRECTABLE),
                Row.flags("UESvrt", c.u32(at + 0x0c), UNCORRECTABLE),
                Row.flags("CESta", c.u32(at + 0x10), CORRECTABLE),
                Row.flags("CEMsk", c.u32(at + 0x14), CORRECTABLE),
                Row.flags("AERCap", control, ERROR_CONTROL)
                        .and("First Error Pointer: %02x", control & 0x1f),
                Row.of(
                        "HeaderLog",
                        "%08x %08x %08x %08x",
                        c.u32(at + 0x1c),
                        c.u32(at + 0x20),
                        c.u32(at + 0x24),
                        c.u32(at + 0x28)));
    }

    /** An EUI-64, the highest byte first. */
    private static String serial(long number) {
        var text = new StringBuilder();
        for (int shift = 56; shift >= 0; shift -= 8) {
            text.append(text.isEmpty() ? "" : "-")
                    .append("%02x".formatted(number >>> shift & 0xff));
        }
        return text.toString();
    }

    /** ID u16 @4, revision and length (bits 4-15) u16 @6. */
    private static List<Row> vendorSpecific(ConfigBytes c, int at) {
        int length = c.u16(at + 6) >> 4;
        return List.of(
                Row.of(
                        "ID",
                        "%04x revision %d length %d",
                        c.u16(at + 4),
                        c.u16(at + 6) & 0xf,
                        length),
                new Row("Bytes", c.hex(at + 8, Math.max(0, length - 8))));
    }

    /** Vendor u16 @4, revision and length (bits 4-15) u16 @6, ID u16 @8. */
    private static List<Row> designatedVendorSpecific(ConfigBytes c, int at) {
        int length = c.u16(at + 6) >> 4;
        return List.of(
                Row.of(
                        "ID",
                        "vendor %04x ID %04x revision %d length %d",
                        c.u16(at + 4),
                        c.u16(at + 8),
                        c.u16(at + 6) & 0xf,
                        length),
                new Row("Bytes", c.hex(at + 10, Math.max(0, length - 10))));
    }

    /** Value bits 0-9, scale bits 10-12 (powers of 32 ns). */
    private static String latency(int register) {
        return (register & 0x3ffL) * (1L << (5 * (register >> 10 & 7))) + "ns";
    }
}
