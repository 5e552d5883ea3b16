package dev.muser.cli.pci;

import static dev.muser.cli.pci.Row.named;

import java.util.ArrayList;
import java.util.List;

/**
 * The header of type 0 (PCI Local Bus 3.0, 6.1).
 *
 * <pre>
 *   00 u16 vendor          02 u16 device         04 u16 command        06 u16 status
 *   08 u8  revision        09 u24 class          0c u8  cache line     0d u8  latency
 *   0e u8  header type     0f u8  BIST           10 u32 BAR 0 to 5     2c u16 subsystem vendor
 *   2e u16 subsystem       30 u32 ROM            34 u8  capabilities   3c u8  interrupt line
 *   3d u8  interrupt pin   3e u8  min grant      3f u8  max latency
 * </pre>
 */
final class Header {
    private static final Row.Flag[] COMMAND =
            named(
                    "0 I/O",
                    "1 Mem",
                    "2 BusMaster",
                    "3 SpecCycle",
                    "4 MemWINV",
                    "5 VGASnoop",
                    "6 ParErr",
                    "7 Stepping",
                    "8 SERR",
                    "9 FastB2B",
                    "10 DisINTx");
    private static final Row.Flag[] STATUS =
            named(
                    "3 INTx",
                    "4 Cap",
                    "5 66MHz",
                    "7 FastB2B",
                    "8 MasterParErr",
                    "11 SigTAbort",
                    "12 RecTAbort",
                    "13 RecMAbort",
                    "14 SigSERR",
                    "15 ParErr");
    private static final int ROM = 6;

    private final ConfigBytes config;
    private final long[] sizes;
    private final List<Row> rows = new ArrayList<>();

    Header(ConfigBytes config, long[] sizes) {
        this.config = config;
        this.sizes = sizes.clone();
    }

    List<Row> rows() {
        boolean ordinary = (config.u8(0x0e) & 0x7f) == 0;
        if (ordinary && config.s32(0x2c) != 0) {
            rows.add(Row.of("Subsystem", "%04x:%04x", config.u16(0x2c), config.u16(0x2e)));
        }
        rows.add(Row.flags("Control", config.u16(4), COMMAND));
        rows.add(Row.flags("Status", config.u16(6), STATUS));
        if (config.u16(0x0c) != 0) {
            rows.add(
                    Row.of(
                            "Latency",
                            "%d, cache line of %d bytes",
                            config.u8(0x0d),
                            4 * config.u8(0x0c)));
        }
        if (ordinary) {
            int pin = config.u8(0x3d);
            if (pin != 0) {
                rows.add(
                        Row.of(
                                "Interrupt",
                                "pin %s routed to IRQ %d",
                                pin <= 4
                                        ? "" + (char) ('A' + pin - 1)
                                        : "%d (no such)".formatted(pin),
                                config.u8(0x3c)));
            }
            bars();
            rom();
        }
        return rows;
    }

    /** I/O: bit 0 set. Memory: bits 1-2 are 0 for 32 bits, 2 for 64; bit 3 is prefetchable. */
    private void bars() {
        for (int i = 0; i < ROM; i++) {
            long low = config.u32(0x10 + 4 * i);
            boolean wide = (low & 7) == 4;
            if (low != 0 || sizes[i] != 0) {
                rows.add(
                        Row.of(
                                "Region " + i,
                                "%s%s",
                                (low & 1) != 0 ? port(low) : memory(i, low, wide),
                                size(i)));
            }
            if (wide) {
                i++; // the upper half of the address
            }
        }
    }

    private static String port(long low) {
        return "I/O ports at %04x".formatted(low & ~3L);
    }

    private String memory(int bar, long low, boolean wide) {
        long high = wide && bar < ROM - 1 ? config.u32(0x14 + 4 * bar) : 0;
        return "Memory at %s (%s, %sprefetchable)"
                .formatted(
                        wide
                                ? "%016x".formatted((high << 32) | (low & ~0xfL))
                                : "%08x".formatted(low & ~0xfL),
                        wide ? "64-bit" : "32-bit",
                        (low & 8) != 0 ? "" : "non-");
    }

    private void rom() {
        long register = config.u32(0x30);
        if (register != 0 || sizes[ROM] != 0) {
            rows.add(
                    Row.of(
                            "Expansion ROM",
                            "at %08x, %s%s",
                            register & 0xffff_f800L,
                            (register & 1) != 0 ? "enabled" : "disabled",
                            size(ROM)));
        }
    }

    private String size(int index) {
        return sizes[index] == 0 ? "" : " [size=" + Sizes.of(sizes[index]) + "]";
    }
}
