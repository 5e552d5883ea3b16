package dev.muser.devices.nvme;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;

/** Identify. */
final class Identify {
    private final AdminCommands admin;
    private final Namespaces namespaces;
    private final NvmeOptions options;

    Identify(AdminCommands admin, Namespaces namespaces, NvmeOptions options) {
        this.admin = admin;
        this.namespaces = namespaces;
        this.options = options;
    }

    void execute(Command c) {
        MemorySegment page = Arena.ofAuto().allocate(4096, 8);
        switch (c.cdw10 & 0xff) {
            case 0 -> {
                var namespace = namespaces.attached(c.nsid);
                if (namespace != null) {
                    page.set(ValueLayout.JAVA_LONG, 0, namespace.blocks());
                    page.set(ValueLayout.JAVA_LONG, 8, namespace.blocks());
                    page.set(ValueLayout.JAVA_LONG, 16, namespace.blocks());
                    page.set(ValueLayout.JAVA_INT, 128, namespace.shift() << 16);
                }
            }
            case 1 -> {
                text(page, 4, 20, options.serial());
                text(page, 24, 40, options.model());
                text(page, 64, 8, "1");
                page.set(ValueLayout.JAVA_BYTE, 77, (byte) Processor.MDTS);
                page.set(ValueLayout.JAVA_INT, 80, Registers.VERSION);
                page.set(ValueLayout.JAVA_SHORT, 256, (short) 0x100);
                page.set(ValueLayout.JAVA_BYTE, 512, (byte) 0x66);
                page.set(ValueLayout.JAVA_BYTE, 513, (byte) 0x44);
                page.set(ValueLayout.JAVA_INT, 516, namespaces.highest());
                page.set(ValueLayout.JAVA_SHORT, 520, (short) 0xf);
            }
            case 2 -> {
                long at = 0;
                for (var namespace : namespaces.all()) {
                    page.set(ValueLayout.JAVA_INT, at, namespace.id);
                    at += 4;
                }
            }
            case 3 -> {}
            default -> {
                admin.finish(c, Status.INVALID_FIELD);
                return;
            }
        }
        admin.respond(c, page, 4096);
    }

    private static void text(MemorySegment page, long at, int length, String text) {
        page.asSlice(at, length).fill((byte) ' ');
        var bytes = text.getBytes(StandardCharsets.US_ASCII);
        MemorySegment.copy(bytes, 0, page, ValueLayout.JAVA_BYTE, at, bytes.length);
    }
}
