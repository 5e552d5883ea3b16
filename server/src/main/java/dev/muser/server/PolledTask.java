package dev.muser.server;

import java.util.function.BooleanSupplier;

/** A poller as a task, so that it is guarded like one. */
final class PolledTask implements Runnable {
    private final BooleanSupplier poller;
    private boolean worked;

    PolledTask(BooleanSupplier poller) {
        this.poller = poller;
    }

    @Override
    public void run() {
        worked = false;
        worked = poller.getAsBoolean();
    }

    boolean worked() {
        return worked;
    }
}
