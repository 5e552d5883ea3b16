package dev.muser.device.pci;

import dev.muser.device.DmaCompletion;

/** Keeps what a transfer completed with, and how often. */
final class Outcome implements DmaCompletion {
    static final int PENDING = -1;

    private int errno = PENDING;
    private int count;

    @Override
    public void done(int result) {
        errno = result;
        count++;
    }

    /** Returns the errno, or {@link #PENDING}; throws when it completed twice. */
    int errno() {
        if (count > 1) {
            throw new AssertionError("completed " + count + " times");
        }
        return errno;
    }
}
