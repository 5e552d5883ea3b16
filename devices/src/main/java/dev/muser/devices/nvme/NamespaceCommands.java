package dev.muser.devices.nvme;

/** Format, attachment, management. */
final class NamespaceCommands {
    private final AdminCommands admin;

    NamespaceCommands(AdminCommands admin, Namespaces namespaces) {
        this.admin = admin;
    }

    void attachment(Command c) {
        admin.finish(c, Status.INVALID_OPCODE);
    }

    void management(Command c) {
        admin.finish(c, Status.INVALID_OPCODE);
    }

    void format(Command c) {
        admin.finish(c, Status.INVALID_OPCODE);
    }
}
