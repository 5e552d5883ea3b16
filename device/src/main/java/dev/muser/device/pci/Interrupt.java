package dev.muser.device.pci;

/**
 * An interrupt of a device, delivered in whichever way the driver has chosen: as MSI-X or MSI
 * vector, or by the INTx line, which is asserted as long as any of the device's interrupts is.
 *
 * <p>It stands for a condition: {@link #raise} when it begins, {@link #lower} when the driver has
 * dealt with it. A message goes out when the condition begins, a line follows it. {@link #post}
 * sends a message for each event, such as a new completion, while the condition may hold already.
 *
 * <p>Whether the condition holds is part of the device's state. On the device's thread only; no
 * method blocks or allocates.
 */
public final class Interrupt {
    private final Interrupts interrupts;
    private final int vector;

    Interrupt(Interrupts interrupts, int vector) {
        this.interrupts = interrupts;
        this.vector = vector;
    }

    /** Hot. The condition holds from now on; does nothing when it did. */
    public void raise() {
        interrupts.raise(vector, false);
    }

    /** Hot. The condition holds no longer. A message that is out stays so. */
    public void lower() {
        interrupts.lower(vector);
    }

    /** Hot. Raises or lowers. */
    public void set(boolean level) {
        if (level) {
            raise();
        } else {
            lower();
        }
    }

    /** Hot. The condition holds, and there is news: raises, and sends a message in any case. */
    public void post() {
        interrupts.raise(vector, true);
    }

    /** Hot. Returns whether the condition holds. */
    public boolean raised() {
        return interrupts.raised(vector);
    }

    /** Hot. Returns whether interrupts are messages now (MSI-X or MSI), and not a line. */
    public boolean isMessage() {
        return interrupts.messages() != null;
    }

    /** Returns whether interrupts are a line now, and the client listens to it. */
    public boolean isLineHeard() {
        return interrupts.lineHeard();
    }

    public int vector() {
        return vector;
    }
}
