package dev.muser.testkit.devices.nvme;

/** Has a process die at a step of its state; counts the steps. */
final class Fuse {

    /** The process is dead. */
    static final class Death extends Error {
        private static final long serialVersionUID = 1L;

        Death() {
            super("the process died here", null, false, false);
        }
    }

    private long steps;
    private long left;
    private boolean dead;

    void step() {
        steps++;
        if (left > 0 && --left == 0) {
            dead = true;
        }
        if (dead) {
            throw new Death(); // also at whatever is cleaned up on the way out
        }
    }

    /** Dies before the {@code n}th step from now on; never with 0. */
    void light(long n) {
        left = n;
    }

    boolean isLit() {
        return left > 0;
    }

    /** There is another process now. */
    void out() {
        left = 0;
        dead = false;
    }

    /** Returns how many steps there have been. */
    long steps() {
        return steps;
    }
}
