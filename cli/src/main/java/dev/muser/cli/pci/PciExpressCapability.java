package dev.muser.cli.pci;

import static dev.muser.cli.pci.Row.named;

import java.util.ArrayList;
import java.util.List;

/**
 * The PCI Express capability (PCI Express Base, 7.5.3).
 *
 * <pre>
 *   02 u16 capabilities    04 u32 device caps    08 u16 device control   0a u16 device status
 *   0c u32 link caps       10 u16 link control   12 u16 link status
 *   24 u32 device caps 2   28 u16 device control 2
 * </pre>
 */
final class PciExpressCapability {
    private static final int ENDPOINT = 0;
    private static final int LEGACY_ENDPOINT = 1;
    private static final int INTEGRATED_ENDPOINT = 9;

    private PciExpressCapability() {}

    static List<Row> rows(ConfigBytes c, int at) {
        int capabilities = c.u16(at + 2);
        int type = capabilities >> 4 & 0xf;
        var rows = new ArrayList<Row>();
        rows.add(
                Row.of(
                        "Type",
                        "%s, version %d, message %02x",
                        type(type),
                        capabilities & 0xf,
                        capabilities >> 9 & 0x1f));
        device(c, at, rows);
        if (type != INTEGRATED_ENDPOINT) {
            link(c, at, rows);
        }
        if ((capabilities & 0xf) >= 2) {
            long caps2 = c.u32(at + 0x24);
            rows.add(
                    Row.flags(
                            "DevCap2",
                            caps2,
                            named(
                                    "4 TimeoutDis",
                                    "5 ARIFwd",
                                    "7 AtomicOps32",
                                    "8 AtomicOps64",
                                    "11 LTR",
                                    "16 10BitTagComp",
                                    "20 ExtFmt",
                                    "21 EETLPPrefix")));
            rows.add(
                    Row.flags(
                            "DevCtl2",
                            c.u16(at + 0x28),
                            named("4 TimeoutDis", "5 ARIFwd", "6 AtomicOpsReq", "10 LTR")));
        }
        return rows;
    }

    private static String type(int type) {
        return switch (type) {
            case ENDPOINT -> "Endpoint";
            case LEGACY_ENDPOINT -> "Legacy Endpoint";
            case 4 -> "Root Port";
            case 5 -> "Upstream Port";
            case 6 -> "Downstream Port";
            case 7 -> "PCI Express to PCI Bridge";
            case 8 -> "PCI to PCI Express Bridge";
            case INTEGRATED_ENDPOINT -> "Root Complex Integrated Endpoint";
            case 10 -> "Root Complex Event Collector";
            default -> "type %d".formatted(type);
        };
    }

    private static void device(ConfigBytes c, int at, List<Row> rows) {
        long caps = c.u32(at + 4);
        int control = c.u16(at + 8);
        rows.add(
                Row.flags("DevCap", caps, named("5 ExtTag", "15 RBE", "28 FLReset"))
                        .and("MaxPayload %d bytes", 128 << (int) (caps & 7)));
        rows.add(
                Row.flags(
                                "DevCtl",
                                control,
                                named(
                                        "0 CorrErr",
                                        "1 NonFatalErr",
                                        "2 FatalErr",
                                        "3 UnsupReq",
                                        "4 RlxdOrd",
                                        "8 ExtTag",
                                        "9 PhantFunc",
                                        "10 AuxPwr",
                                        "11 NoSnoop",
                                        "15 FLReset"))
                        .and(
                                "MaxPayload %d bytes, MaxReadReq %d bytes",
                                128 << (control >> 5 & 7), 128 << (control >> 12 & 7)));
        rows.add(
                Row.flags(
                        "DevSta",
                        c.u16(at + 0x0a),
                        named(
                                "0 CorrErr",
                                "1 NonFatalErr",
                                "2 FatalErr",
                                "3 UnsupReq",
                                "4 AuxPwr",
                                "5 TransPend")));
    }

    private static void link(ConfigBytes c, int at, List<Row> rows) {
        long caps = c.u32(at + 0x0c);
        int control = c.u16(at + 0x10);
        int status = c.u16(at + 0x12);
        rows.add(
                Row.of(
                        "LnkCap",
                        "Port #%d, Speed %s, Width x%d, ASPM %s",
                        caps >>> 24,
                        speed((int) caps & 0xf),
                        caps >> 4 & 0x3f,
                        powerSaving((int) caps >> 10, "not supported")));
        rows.add(
                Row.flags(
                                "LnkCtl",
                                control,
                                named(
                                        "4 LnkDisable",
                                        "6 CommClk",
                                        "7 ExtSynch",
                                        "8 ClockPM",
                                        "9 AutWidDis",
                                        "10 BWInt",
                                        "11 AutBWInt"))
                        .and("ASPM %s", powerSaving(control, "disabled")));
        rows.add(Row.of("LnkSta", "Speed %s, Width x%d", speed(status & 0xf), status >> 4 & 0x3f));
    }

    /** Active state power management: bit 0 is L0s, bit 1 L1. */
    private static String powerSaving(int bits, String neither) {
        return switch (bits & 3) {
            case 0 -> neither;
            case 1 -> "L0s";
            case 2 -> "L1";
            default -> "L0s L1";
        };
    }

    private static String speed(int code) {
        return switch (code) {
            case 1 -> "2.5GT/s";
            case 2 -> "5GT/s";
            case 3 -> "8GT/s";
            case 4 -> "16GT/s";
            case 5 -> "32GT/s";
            case 6 -> "64GT/s";
            default -> "unknown (%d)".formatted(code);
        };
    }
}
