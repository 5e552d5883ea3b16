package dev.muser.testkit.examples;

import dev.muser.device.ResetKind;
import dev.muser.device.pci.Device;
import dev.muser.device.pci.DeviceContext;
import dev.muser.device.pci.Interrupt;
import dev.muser.device.pci.MsiX;
import dev.muser.device.pci.Register;
import dev.muser.device.pci.StateField;
import dev.muser.device.pci.Width;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;

/** The device of docs/write-a-device.md: measures, warns above a limit, logs to guest memory. */
final class Thermometer implements Device {
    private static final int RUNNING = 1;
    private static final int ALARM = 1;

    private final DeviceContext ctx;
    private final Interrupt alarm;
    private final Register control;
    private final Register status;
    private final Register limit;
    private final Register logAddress;
    private final Register reading;
    private final StateField logging;

    Thermometer(DeviceContext ctx) {
        this.ctx = ctx;
        ctx.identity(0x1234, 0x7e39).classCode(0x11, 0x80, 0);

        var registers = ctx.bar(0, 4096);
        control = registers.register("CONTROL", 0x00, Width.U32).field("RUN", 0, 1).readWrite();
        status =
                registers
                        .register("STATUS", 0x04, Width.U32)
                        .field("ALARM", 0, 1)
                        .onWrite(now -> acknowledged(now))
                        .writeOneToClear();
        limit = registers.register("LIMIT", 0x08, Width.U32).reset(100).readWrite();
        reading = registers.register("READING", 0x0c, Width.U32).readOnly();
        logAddress = registers.register("LOG_ADDRESS", 0x10, Width.U64).readWrite();

        logging = ctx.state().field("logging", Width.U8);

        ctx.bar(2, 4096); // where the MSI-X table is
        ctx.capability(new MsiX(1, 2));
        alarm = ctx.interrupt(0);
    }

    /** The world has a temperature: what a sensor would say. */
    void measure(int degrees) {
        if ((control.get() & RUNNING) == 0) {
            return;
        }
        reading.set(degrees);
        if (degrees > limit.get()) {
            status.set(status.get() | ALARM);
            alarm.raise();
        }
        if (logAddress.get() != 0) {
            logging.set(1);
            log();
        }
    }

    private void log() {
        var entry = Arena.ofAuto().allocate(4);
        entry.set(ValueLayout.JAVA_INT, 0, (int) reading.get());
        ctx.memory().write(logAddress.get(), entry, errno -> logged(errno));
    }

    private void logged(int errno) {
        if (logging.get() == 0) {
            return; // a reset came first
        }
        logging.set(0);
        if (errno == 0) {
            logAddress.set(logAddress.get() + 4);
        } else {
            logAddress.set(0); // the driver gave an address that is none: stop logging
        }
    }

    private void acknowledged(long now) {
        if ((now & ALARM) == 0) {
            alarm.lower();
        }
    }

    @Override
    public void reset(ResetKind kind) {
        alarm.lower(); // registers have been reset already
        logging.set(0);
    }

    @Override
    public void restored() {
        if (logging.get() != 0) {
            ctx.loop().execute(this::log); // whether it was written the last time is not known
        }
    }
}
