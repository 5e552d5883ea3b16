package dev.muser.devices.nvme;

import dev.muser.devices.storage.StorageOperation;

/** Flush (NVMe base 1.4, 6.8). */
final class FlushCommand {
    private static final int ALL_NAMESPACES = 0xffff_ffff;

    /** What a flush counts of a turn's bytes. */
    private static final long COST = 64 << 10;

    private final Processor processor;
    private final Namespaces namespaces;
    private final Continuation next = this::next;
    private final Continuation one = this::one;

    FlushCommand(Processor processor, Namespaces namespaces) {
        this.processor = processor;
        this.namespaces = namespaces;
    }

    /** Of one namespace, or one after the other of all (6.8). */
    void execute(Command c) {
        if (c.nsid == ALL_NAMESPACES) {
            c.step = 0;
            next(c, 0);
            return;
        }
        var namespace = namespaces.attached(c.nsid);
        if (namespace == null) {
            processor.finish(c, Namespaces.whyMissing(c.nsid));
        } else if (namespace.formatting) {
            processor.finish(c, Status.FORMAT_IN_PROGRESS);
        } else {
            c.namespace = namespace;
            c.step = Long.MAX_VALUE;
            c.submit(StorageOperation.FLUSH, 0, 0, false, false, next);
        }
    }

    private void next(Command c, int errno) {
        int id = (int) Math.min(c.step, Namespaces.MOST) + 1;
        while (id <= namespaces.highest() && namespaces.attached(id) == null) {
            id++;
        }
        if (errno != 0 || id > namespaces.highest()) {
            processor.finish(c, Status.ofErrno(errno, true));
        } else {
            c.step = id;
            processor.step(c, one);
        }
    }

    private void one(Command c, int errno) {
        var namespace = namespaces.attached((int) c.step);
        if (namespace == null) {
            next(c, 0);
            return;
        }
        c.namespace = namespace;
        processor.spend(COST);
        c.submit(StorageOperation.FLUSH, 0, 0, false, false, next);
    }
}
