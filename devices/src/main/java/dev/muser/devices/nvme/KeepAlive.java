package dev.muser.devices.nvme;

/** The keep alive timer. */
final class KeepAlive {
    KeepAlive(Controller controller, Features features) {}

    void restart() {}

    void stop() {}
}
