package dev.muser.devices.nvme;

/** Features. */
final class Features {
    private final AdminCommands admin;
    private final int most;

    Features(
            Controller controller,
            AdminCommands admin,
            Namespaces namespaces,
            NvmeOptions options) {
        this.admin = admin;
        most = options.queues();
    }

    int queuesAllowed() {
        return most;
    }

    void get(Command c) {
        c.result = (most - 1) | (most - 1) << 16;
        admin.finish(c, 0);
    }

    void set(Command c) {
        c.result = (most - 1) | (most - 1) << 16;
        admin.finish(c, 0);
    }

    void reset() {}
}
