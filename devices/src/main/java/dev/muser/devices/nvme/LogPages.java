package dev.muser.devices.nvme;

/** Log pages. */
final class LogPages {
    private final AdminCommands admin;

    LogPages(Controller controller, AdminCommands admin, Namespaces namespaces) {
        this.admin = admin;
    }

    void execute(Command c) {
        admin.finish(c, Status.INVALID_LOG_PAGE);
    }
}
