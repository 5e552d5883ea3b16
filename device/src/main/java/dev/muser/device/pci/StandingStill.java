package dev.muser.device.pci;

/**
 * A device stands still: nothing of it runs, it touches no memory of its client's and signals no
 * interrupt. What is asked of it meanwhile waits.
 */
record StandingStill(DeviceContext context, Device device) implements PciMigration.Machine {
    @Override
    public boolean quiesce() {
        if (!device.quiesce()) {
            return false;
        }
        // what was signalled before belongs to the state that moves
        context.deviceLoop().takeSignals();
        return device.quiesce();
    }

    @Override
    public void moveExpected() {
        device.moveExpected();
    }

    @Override
    public void handOver() {
        device.handOver();
    }

    @Override
    public void takeOver() {
        device.takeOver();
    }

    @Override
    public void stop() {
        context.deviceLoop().stop();
        context.interrupts().stopped(true);
        context.memory().stop();
    }

    @Override
    public void go() {
        context.deviceLoop().go();
        context.memory().go();
        context.interrupts().stopped(false);
        device.resume();
    }
}
