package dev.muser.cli.pci;

import java.util.Map;

/** Class codes in words (PCI Code and ID Assignment 1.11, chapter 1). */
final class ClassCodes {
    private static final Map<Integer, String> BASE =
            Map.ofEntries(
                    Map.entry(0x00, "Unclassified device"),
                    Map.entry(0x01, "Mass storage controller"),
                    Map.entry(0x02, "Network controller"),
                    Map.entry(0x03, "Display controller"),
                    Map.entry(0x04, "Multimedia controller"),
                    Map.entry(0x05, "Memory controller"),
                    Map.entry(0x06, "Bridge"),
                    Map.entry(0x07, "Communication controller"),
                    Map.entry(0x08, "Generic system peripheral"),
                    Map.entry(0x09, "Input device controller"),
                    Map.entry(0x0a, "Docking station"),
                    Map.entry(0x0b, "Processor"),
                    Map.entry(0x0c, "Serial bus controller"),
                    Map.entry(0x0d, "Wireless controller"),
                    Map.entry(0x0e, "Intelligent controller"),
                    Map.entry(0x0f, "Satellite communications controller"),
                    Map.entry(0x10, "Encryption controller"),
                    Map.entry(0x11, "Signal processing controller"),
                    Map.entry(0x12, "Processing accelerator"),
                    Map.entry(0x13, "Non-essential instrumentation"),
                    Map.entry(0xff, "Unassigned class"));

    /** By class and subclass, 16 bits. */
    private static final Map<Integer, String> SUB =
            Map.ofEntries(
                    Map.entry(0x0100, "SCSI storage controller"),
                    Map.entry(0x0101, "IDE interface"),
                    Map.entry(0x0104, "RAID bus controller"),
                    Map.entry(0x0106, "SATA controller"),
                    Map.entry(0x0107, "Serial attached SCSI controller"),
                    Map.entry(0x0108, "Non-volatile memory controller"),
                    Map.entry(0x0200, "Ethernet controller"),
                    Map.entry(0x0300, "VGA compatible controller"),
                    Map.entry(0x0302, "3D controller"),
                    Map.entry(0x0401, "Multimedia audio controller"),
                    Map.entry(0x0403, "Audio device"),
                    Map.entry(0x0500, "RAM memory"),
                    Map.entry(0x0502, "CXL memory device"),
                    Map.entry(0x0600, "Host bridge"),
                    Map.entry(0x0601, "ISA bridge"),
                    Map.entry(0x0604, "PCI bridge"),
                    Map.entry(0x0700, "Serial controller"),
                    Map.entry(0x0780, "Communication controller"),
                    Map.entry(0x0c03, "USB controller"),
                    Map.entry(0x0c05, "SMBus"),
                    Map.entry(0x1200, "Processing accelerator"));

    private ClassCodes() {}

    /** Returns {@code classCode}, 24 bits, in words. */
    static String name(int classCode) {
        if (classCode >>> 8 == 0x0108 && (classCode & 0xff) == 2) {
            return "Non-volatile memory controller (NVMe)";
        }
        var sub = SUB.get(classCode >>> 8);
        return sub != null ? sub : BASE.getOrDefault(classCode >>> 16, "Class not known");
    }
}
