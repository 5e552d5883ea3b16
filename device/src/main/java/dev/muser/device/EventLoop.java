package dev.muser.device;

import dev.muser.linux.Fd;
import java.util.function.BooleanSupplier;

/**
 * The thread of a device, as the device sees it. Everything that is registered here runs on that
 * thread, between the client's requests. It ends with the process: a device that outlives it
 * registers again in {@link dev.muser.device.pci.Device#restored}.
 */
public interface EventLoop {

    /**
     * Runs {@code task} on the loop's thread, after the replies to the requests being handled have
     * been sent. The one method that any thread may call.
     */
    void execute(Runnable task);

    /** Returns a timer, not armed, that runs {@code task} when it expires. */
    Timer timer(Runnable task);

    /** Runs {@code readable} whenever {@code fd} can be read, until the registration is closed. */
    Registration watch(Fd fd, Runnable readable);

    /**
     * Returns a poller, not started. While it is, {@code work} is called in every turn of the loop,
     * which then does not sleep; it returns whether it found any. Starting and stopping are cheap,
     * for a device that looks for work while there is some and sleeps while there is none.
     */
    Poller poller(BooleanSupplier work);

    /**
     * Hot. Whether no poller has found work for many turns: one that waits for the system may well
     * sleep for some tens of microseconds.
     */
    default boolean isQuiet() {
        return false;
    }

    /** Returns a {@link #poller} that has been started. */
    default Registration poll(BooleanSupplier work) {
        var poller = poller(work);
        poller.start();
        return poller;
    }

    /** Something the loop does until this is closed. Closing is idempotent. */
    interface Registration extends AutoCloseable {
        @Override
        void close();
    }

    /** Something that is called in every turn. Closing stops it for good. */
    interface Poller extends Registration {

        /** Hot. Idempotent. */
        void start();

        /** Hot. Idempotent. */
        void stop();
    }

    /** A timer of a loop. Closing disarms it for good. */
    interface Timer extends Registration {

        /** Expires once, so many nanoseconds from now; replaces what was armed before. */
        void arm(long nanoseconds);

        void disarm();
    }
}
