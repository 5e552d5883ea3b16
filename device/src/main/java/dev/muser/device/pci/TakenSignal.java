package dev.muser.device.pci;

/**
 * The signal of a client's eventfd that has been taken and not been acted upon. It is noted for
 * good before it is taken, so that a process which dies in between leaves it to the next: a guest
 * whose unmasking is lost waits for ever.
 */
final class TakenSignal {
    private final DeviceState state;

    /** The vector plus 1; 0 for none. */
    private final StateArray noted;

    TakenSignal(DeviceState state, String name) {
        this.state = state;
        noted = state.array(name, 8);
        state.ofSession(name);
    }

    void note(int vector) {
        noted.setNow(0, vector + 1L);
    }

    /** It has been acted upon; ends the transaction. */
    void done() {
        noted.set(0, Width.U64, 0);
        state.commit();
    }

    /** Returns the vector that a process before this one has left, or -1; forgets it. */
    int takeLeft() {
        long left = noted.get(0, Width.U64);
        if (left != 0) {
            noted.set(0, Width.U64, 0);
        }
        return (int) left - 1;
    }
}
