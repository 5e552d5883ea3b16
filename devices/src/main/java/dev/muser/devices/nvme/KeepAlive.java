package dev.muser.devices.nvme;

import dev.muser.device.EventLoop;

/**
 * The keep alive timer (NVMe base 1.4, 7.12): a driver that has set it and says nothing for so long
 * is taken for dead, and the controller stops with fatal status.
 */
final class KeepAlive {
    private static final long MILLISECOND = 1_000_000;

    private final EventLoop.Timer timer;
    private long timeout;

    KeepAlive(Controller controller, EventLoop loop) {
        timer =
                loop.timer(() ->
                        controller.fail(
                                "its driver has not kept it alive for %d ms".formatted(timeout)));
    }

    /** Returns the timeout in milliseconds; 0 when it is off. */
    int timeout() {
        return (int) timeout;
    }

    /** Sets the timeout in milliseconds, rounded up to the unit; 0 for off. */
    void timeout(int milliseconds) {
        long unit = IdentifyController.KEEP_ALIVE_UNIT;
        long wanted = Integer.toUnsignedLong(milliseconds);
        timeout = Math.min((wanted + unit - 1) / unit * unit, 0xffff_ffffL / unit * unit);
        restart();
    }

    void restart() {
        if (timeout != 0) {
            timer.arm(timeout * MILLISECOND);
        } else {
            timer.disarm();
        }
    }

    void stop() {
        timeout = 0;
        timer.disarm();
    }

    void close() {
        timer.close();
    }
}
