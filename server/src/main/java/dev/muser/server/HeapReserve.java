package dev.muser.server;

import org.jspecify.annotations.Nullable;

/**
 * Heap for the time when a device has taken all the rest of it: without any, not even the session
 * of that device can be ended, and what goes on instead is the end of the loop.
 */
final class HeapReserve {
    /** What the end of a session takes, and a line of log with the first stack trace. */
    private static final int SIZE = 256 << 10;

    /** One for the process, as there is one heap. */
    static final HeapReserve OF_SESSIONS = new HeapReserve();

    /** For the end of a loop, when it comes to that all the same. */
    static final HeapReserve OF_LOOPS = new HeapReserve();

    private volatile byte @Nullable [] held = new byte[SIZE];

    /** Gives the reserve to whoever allocates next, if that is what {@code thrown} is about. */
    void releaseOn(Throwable thrown) {
        if (thrown instanceof OutOfMemoryError) {
            held = null;
        }
    }

    boolean isHeld() {
        return held != null;
    }

    /** Holds it again, unless that would take the last that others have. */
    void refill() {
        if (held != null) {
            return;
        }
        try {
            var room = new byte[4 * SIZE];
            held = new byte[room.length / 4];
        } catch (OutOfMemoryError e) {
            // later, if ever
        }
    }
}
