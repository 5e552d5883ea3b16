package dev.muser.device.pci;

import dev.muser.device.DmaCompletion;

/** A transfer in several parts, which completes once, with the first error of any part. */
final class SplitTransfer implements DmaCompletion {
    private final DmaCompletion completion;

    /** Parts under way, and one for whoever starts them. */
    private int pending = 1;

    private int error;

    SplitTransfer(DmaCompletion completion) {
        this.completion = completion;
    }

    /** Says that one part more will call {@link #done}. */
    void expect() {
        pending++;
    }

    /** A part is over; the last call is that of whoever started them, when all are started. */
    @Override
    public void done(int errno) {
        if (error == 0) {
            error = errno;
        }
        if (--pending == 0) {
            completion.done(error);
        }
    }

    /** A part that was not announced has failed, or, with 0, not. */
    void note(int errno) {
        if (error == 0) {
            error = errno;
        }
    }
}
