package dev.muser.devices.nvme;

import dev.muser.device.pci.DeviceState;
import org.jspecify.annotations.Nullable;

/** Get Log Page (NVMe base 1.4, 5.14). */
final class LogPages {
    private static final int ALL_NAMESPACES = 0xffff_ffff;
    private static final int RETAIN_EVENT = 1 << 15;

    // identifiers (figure 195)
    static final int ERRORS = 0x01;
    static final int SMART = 0x02;
    static final int FIRMWARE_SLOTS = 0x03;
    static final int CHANGED_NAMESPACES = 0x04;
    static final int EFFECTS = 0x05;

    private final AdminCommands admin;
    private final AsyncEvents events;
    private final ErrorLog errors;
    private final SmartLog smart;
    private final Processor processor;
    private final ChangedNamespaces changed;

    LogPages(
            AdminCommands admin,
            AsyncEvents events,
            ErrorLog errors,
            SmartLog smart,
            Processor processor,
            DeviceState state) {
        changed = new ChangedNamespaces(state);
        this.admin = admin;
        this.events = events;
        this.errors = errors;
        this.smart = smart;
        this.processor = processor;
    }

    ChangedNamespaces changed() {
        return changed;
    }

    void execute(Command c) {
        int id = c.cdw10 & 0xff;
        long length = ((c.cdw10 >>> 16 | (c.cdw11 & 0xffffL) << 16) + 1) * 4;
        long offset = Integer.toUnsignedLong(c.cdw12) | (long) c.cdw13 << 32;
        var page = page(id);
        if (page == null) {
            admin.finish(c, Status.INVALID_LOG_PAGE);
        } else if ((c.nsid != 0 && c.nsid != ALL_NAMESPACES) // all are about the controller
                || (offset & 3) != 0
                || offset < 0
                || offset > page.size()
                || length > Processor.MOST_DATA) {
            admin.finish(c, Status.INVALID_FIELD);
        } else {
            if ((c.cdw10 & RETAIN_EVENT) == 0) {
                seen(id);
            }
            // behind its end a page is zero; only what there is may be kept while a buffer is
            // awaited
            long n = Math.min(length, page.size() - offset);
            admin.respond(c, page.bytes().asSlice(offset, n), length);
        }
    }

    private @Nullable DataStructure page(int id) {
        return switch (id) {
            case ERRORS -> errors.page();
            case SMART -> smart.page(processor.attention().busyNanos());
            case FIRMWARE_SLOTS -> firmware();
            case CHANGED_NAMESPACES -> changed.page();
            case EFFECTS -> EffectsLog.page();
            default -> null;
        };
    }

    /** What the page tells need not be told by an event any more (5.2). */
    private void seen(int id) {
        switch (id) {
            case ERRORS -> events.seen(AsyncEvents.ERROR);
            case SMART -> events.seen(AsyncEvents.HEALTH);
            case CHANGED_NAMESPACES -> {
                changed.take();
                events.seen(AsyncEvents.NOTICE);
            }
            default -> {}
        }
    }

    /** A command is over. */
    void over(Command c) {
        if (c.opcode == Opcode.GET_LOG_PAGE && (c.cdw10 & 0xff) == CHANGED_NAMESPACES) {
            changed.taken();
        }
    }

    /** One slot, which is the active one. */
    private static DataStructure firmware() {
        return new DataStructure(512).u8(0, 1).padded(8, 8, IdentifyController.FIRMWARE);
    }
}
