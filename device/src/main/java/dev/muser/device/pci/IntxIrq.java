package dev.muser.device.pci;

import dev.muser.device.EventLoop;
import dev.muser.device.IrqInfo;
import org.jspecify.annotations.Nullable;

/**
 * The INTx line. It has a level; delivery masks it until the client unmasks ({@code AUTOMASKED}),
 * and if it is still asserted then, it is delivered again. Or it is delivered once each time that
 * it is asserted, and masked by the client alone.
 */
final class IntxIrq extends IrqIndex {
    private static final int COMMAND = 0x04;
    private static final int COMMAND_INTX_DISABLE = 0x400;
    private static final int STATUS = 0x06;
    private static final int STATUS_INTERRUPT = 0x08;

    private final ConfigSpace config;
    private final Interrupts interrupts;
    private final StateField masked;

    /** Whether this assertion has been delivered; null when delivery masks. */
    private final @Nullable StateField delivered;

    IntxIrq(
            boolean present,
            boolean automasked,
            ConfigSpace config,
            DeviceState state,
            Interrupts interrupts,
            EventLoop loop) {
        super(
                "INTx",
                new IrqInfo(present ? 1 : 0, true, true, automasked, false),
                "pci.intx",
                state,
                loop);
        this.config = config;
        this.interrupts = interrupts;
        masked = state.field("pci.intx.masked", Width.U8);
        delivered = automasked ? null : state.field("pci.intx.delivered", Width.U8);
        state.ofSession("pci.intx.masked");
    }

    /** Hot. Brings the status register up to date, and delivers if that is due. */
    void update() {
        if (count() == 0) {
            return;
        }
        boolean asserted = interrupts.lineAsserted();
        long status = config.get(STATUS, Width.U16);
        long shown = asserted ? status | STATUS_INTERRUPT : status & ~STATUS_INTERRUPT;
        if (shown != status) {
            config.set(STATUS, Width.U16, shown);
        }
        var once = delivered;
        if (!asserted && once != null) {
            once.set(0);
        }
        if (asserted
                && !stopped()
                && triggers.any()
                && masked.get() == 0
                && (once == null || once.get() == 0)
                && (config.get(COMMAND, Width.U16) & COMMAND_INTX_DISABLE) == 0) {
            // first masked, then signalled: the client may unmask at once
            (once == null ? masked : once).set(1);
            triggers.signal(0);
        }
    }

    @Override
    void mask(int vector) {
        masked.set(1);
    }

    @Override
    void unmask(int vector) {
        masked.set(0);
        update();
    }

    @Override
    void installed(int vector) {
        update();
    }

    @Override
    void forget() {
        masked.set(0);
        if (delivered != null) {
            delivered.set(0);
        }
    }
}
