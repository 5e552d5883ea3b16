package dev.muser.devices.nvme;

import dev.muser.devices.storage.StorageOperation;

/** Makes what has been written durable, in one namespace after the other; then ends a command. */
final class FlushAll {
    private final AdminCommands admin;
    private final Processor processor;
    private final Namespaces namespaces;
    private final Continuation next = this::next;

    FlushAll(AdminCommands admin, Processor processor, Namespaces namespaces) {
        this.admin = admin;
        this.processor = processor;
        this.namespaces = namespaces;
    }

    void begin(Command c) {
        c.step = 0;
        next(c, 0);
    }

    private void next(Command c, int errno) {
        for (int id = (int) c.step + 1; errno == 0 && id <= Namespaces.MOST; id++) {
            var namespace = namespaces.find(id);
            if (namespace != null) {
                c.step = id;
                c.namespace = namespace;
                c.submit(StorageOperation.FLUSH, 0, 0, false, false, next);
                processor.wake();
                return;
            }
        }
        admin.finish(c, Status.ofErrno(errno, true));
    }
}
