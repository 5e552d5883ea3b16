package dev.muser.devices.nvme;

import dev.muser.devices.storage.StorageOperation;

/**
 * Makes what has been written durable, in one namespace after the other, or in that of the command;
 * then ends the command. What is under way when it begins is waited for: a write that a cache or a
 * missing protection has let through is over before the flush.
 */
final class FlushAll {
    private static final int ALL_NAMESPACES = 0xffff_ffff;

    private final Controller controller;
    private final AdminCommands admin;
    private final Processor processor;
    private final Namespaces namespaces;
    private final Continuation next = this::next;

    FlushAll(
            Controller controller,
            AdminCommands admin,
            Processor processor,
            Namespaces namespaces) {
        this.controller = controller;
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
            if (namespace != null && isWanted(c, id)) {
                c.step = id;
                drain(c, namespace);
                return;
            }
        }
        admin.finish(c, Status.ofErrno(errno, true));
        processor.wake();
    }

    private static boolean isWanted(Command c, int id) {
        return c.nsid == 0 || c.nsid == ALL_NAMESPACES || c.nsid == id;
    }

    private void drain(Command c, Namespace namespace) {
        int era = controller.era();
        c.namespace = null; // so that nobody waits for a command that waits
        Runnable then =
                () -> {
                    if (era == controller.era()) { // else it is not this command any more
                        flush(c, namespace);
                    }
                };
        processor.drain().whenOver(namespace, c, then);
    }

    private void flush(Command c, Namespace namespace) {
        if (namespaces.find(namespace.id) != namespace) {
            next(c, 0); // removed meanwhile
            return;
        }
        c.namespace = namespace;
        c.submit(StorageOperation.FLUSH, 0, 0, false, false, next);
        processor.wake();
    }
}
