package dev.muser.testkit.restart;

/** Has a process die at a step of its state; counts the steps. */
final class Fuse {

    /** The process is dead. Nothing of ours catches it but the check. */
    static final class Death extends Error {
        private static final long serialVersionUID = 1L;

        Death() {
            super("the process died here", null, false, false);
        }
    }

    private int steps;
    private int left;
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
    void light(int n) {
        left = n;
    }

    boolean isDead() {
        return dead;
    }

    /** There is another process now. */
    void out() {
        left = 0;
        dead = false;
    }

    /** Returns how many steps there were since the last call. */
    int takeSteps() {
        int n = steps;
        steps = 0;
        return n;
    }
}
