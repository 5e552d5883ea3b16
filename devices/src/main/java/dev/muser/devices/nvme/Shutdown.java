package dev.muser.devices.nvme;

import dev.muser.device.pci.DeviceState;
import dev.muser.device.pci.StateField;
import dev.muser.device.pci.Width;
import java.util.List;

/**
 * Shutdown processing (NVMe base 1.4, 7.6.2): what is under way ends, all namespaces are flushed,
 * then CSTS.SHST says that it is complete.
 */
final class Shutdown {
    private static final int OCCURRING = 1;
    private static final int COMPLETE = 2;

    private final Controller controller;
    private final Registers registers;
    private final Namespaces namespaces;

    /** What CSTS.SHST is to say. */
    private final StateField state;

    /** Whether commands are still under way. */
    private boolean waiting;

    private int flushes;

    /** Changes with each shutdown: flushes of an earlier one do not count. */
    private int run;

    Shutdown(DeviceState state, Controller controller, Registers registers, Namespaces namespaces) {
        this.state = state.field("nvme.shutdown", Width.U8);
        this.controller = controller;
        this.registers = registers;
        this.namespaces = namespaces;
    }

    /** Another process has begun it, maybe. */
    void open() {
        run++;
        waiting = state.get() == OCCURRING;
        if (waiting) {
            controller.processor().finishLoneHalves();
        }
    }

    void begin() {
        run++;
        state.set(OCCURRING);
        waiting = true;
        show();
        controller.processor().finishLoneHalves();
        progressed();
    }

    /** The controller is reset meanwhile. */
    void forget() {
        run++;
        waiting = false;
        state.set(0);
    }

    /** Puts into the register how far it has got. */
    void show() {
        registers.setShutdown((int) state.get());
    }

    /** Whether the controller has been shut down since it was enabled. */
    boolean isComplete() {
        return state.get() == COMPLETE;
    }

    /** Hot. Commands may have ended. */
    void progressed() {
        if (!waiting || controller.processor().queues().commandsUnderWay() != 0) {
            return;
        }
        waiting = false;
        flushes = 1;
        for (var namespace : List.copyOf(namespaces.all())) {
            flushes++;
            namespace.submit(new Flush(namespace));
        }
        namespaces.kick();
        controller.wake();
        flushed(run);
    }

    private void flushed(int of) {
        if (of == run && --flushes == 0) {
            state.set(COMPLETE);
            show();
        }
    }

    private final class Flush extends OwnFlush {
        private final Namespace namespace;
        private final int began = run;

        Flush(Namespace namespace) {
            super(controller.processor().loop());
            this.namespace = namespace;
        }

        /** Complete also when it failed: the driver cannot do anything about it any more. */
        @Override
        public void complete(int errno) {
            namespace.returned();
            flushed(began);
            controller.progressed();
            controller.wake();
        }
    }
}
