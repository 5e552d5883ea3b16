package dev.muser.device.pci;

/** An eventfd by which the device tells its client something outside of PCI. */
public final class ClientSignal {
    private final NotificationIrq irq;

    ClientSignal(NotificationIrq irq) {
        this.irq = irq;
    }

    /** Hot. Tells the client, if it listens. */
    public void signal() {
        irq.triggers.signal(0);
    }
}
