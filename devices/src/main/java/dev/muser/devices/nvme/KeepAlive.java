package dev.muser.devices.nvme;

import dev.muser.device.EventLoop;
import dev.muser.device.pci.DeviceState;
import dev.muser.device.pci.StateField;
import dev.muser.device.pci.Width;

/**
 * The keep alive timer (NVMe base 1.4, 7.12): a driver that has set it and says nothing for so long
 * is taken for dead, and the controller stops with fatal status.
 */
final class KeepAlive {
    private static final long MILLISECOND = 1_000_000;

    private final EventLoop.Timer timer;
    private final StateField timeout;

    KeepAlive(Controller controller, EventLoop loop, DeviceState state) {
        timeout = state.field("nvme.feature.keep_alive", Width.U32);
        timer =
                loop.timer(() ->
                        controller.fail(
                                "its driver has not kept it alive for %d ms".formatted(timeout())));
    }

    /** Returns the timeout in milliseconds; 0 when it is off. */
    int timeout() {
        return (int) timeout.get();
    }

    /** Sets the timeout in milliseconds, rounded up to the unit; 0 for off. */
    void timeout(int milliseconds) {
        long unit = IdentifyController.KEEP_ALIVE_UNIT;
        long wanted = Integer.toUnsignedLong(milliseconds);
        timeout.set(Math.min((wanted + unit - 1) / unit * unit, 0xffff_ffffL / unit * unit));
        restart();
    }

    /** The driver has said something, or another process has to wait for it. */
    void restart() {
        long milliseconds = timeout.get();
        if (milliseconds != 0) {
            timer.arm(milliseconds * MILLISECOND);
        } else {
            timer.disarm();
        }
    }

    void stop() {
        timeout.set(0);
        timer.disarm();
    }

    void close() {
        timer.close();
    }
}
