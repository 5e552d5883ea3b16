package dev.muser.device.pci;

/** The pin by which a function asserts its INTx interrupt (PCI Local Bus 3.0, 6.2.4). */
public enum InterruptPin {
    /** The function has none. */
    NONE(0),
    A(1),
    B(2),
    C(3),
    D(4);

    private final int number;

    InterruptPin(int number) {
        this.number = number;
    }

    /** Returns the value of the interrupt pin register. */
    public int number() {
        return number;
    }
}
