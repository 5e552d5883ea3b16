package dev.muser.devices.nvme;

import dev.muser.devices.storage.StorageOperation;
import java.util.List;

/**
 * Format NVM (NVMe base 1.4, 5.23): when the commands of a namespace are over, all of it becomes
 * zero, and its blocks have the size that was asked for. Other commands are refused meanwhile.
 */
final class FormatCommand {
    private static final int ALL_NAMESPACES = 0xffff_ffff;

    /** Secure erase of user data; what lies beyond is not supported. */
    private static final int ERASE_USER_DATA = 1;

    /** So much becomes zero at a time: less where an engine may have to write it. */
    private static final long PART = 4L << 20;

    private static final long LARGE_PART = 256L << 20;

    private final Controller controller;
    private final Processor processor;
    private final AdminCommands admin;
    private final Namespaces namespaces;

    FormatCommand(
            Controller controller,
            Processor processor,
            AdminCommands admin,
            Namespaces namespaces) {
        this.controller = controller;
        this.processor = processor;
        this.admin = admin;
        this.namespaces = namespaces;
    }

    void execute(Command c) {
        List<Namespace> targets;
        if (c.nsid == ALL_NAMESPACES) {
            targets = namespaces.all().stream().filter(Namespace::isAttached).toList();
        } else {
            var namespace = namespaces.attached(c.nsid);
            targets = namespace == null ? List.of() : List.of(namespace);
            if (namespace == null) {
                admin.finish(c, Namespaces.whyMissing(c.nsid));
                return;
            }
        }
        int status = check(c, targets);
        if (status != 0) {
            admin.finish(c, status);
        } else {
            new Job(c, targets).begin();
        }
    }

    private static int check(Command c, List<Namespace> targets) {
        int format = c.cdw10 & 0xf;
        boolean protection = (c.cdw10 >>> 5 & 7) != 0;
        if ((c.cdw10 >>> 9 & 7) > ERASE_USER_DATA) {
            return Status.INVALID_FIELD;
        }
        if (format >= IdentifyNamespace.formats() || protection) {
            return Status.INVALID_FORMAT;
        }
        int shift = IdentifyNamespace.shiftOf(format);
        for (var namespace : targets) {
            if (!IdentifyNamespace.canHave(namespace, shift)) {
                return Status.INVALID_FORMAT;
            }
            if (namespace.isReadOnly()) {
                return Status.NAMESPACE_WRITE_PROTECTED;
            }
            if (namespace.formatting) {
                return Status.FORMAT_IN_PROGRESS;
            }
        }
        return Status.SUCCESS;
    }

    /** One command's work. It ends without a word when the controller is reset. */
    private final class Job {
        private final Command command;
        private final List<Namespace> targets;
        private final int shift;
        private final int era = controller.era();
        private final Continuation zeroed = (c, errno) -> zeroed(errno);
        private final Continuation flushed = (c, errno) -> flushed(errno);

        /** Namespaces in which commands are under way. */
        private int busy;

        private int index;
        private long offset;

        Job(Command command, List<Namespace> targets) {
            this.command = command;
            this.targets = targets;
            shift = IdentifyNamespace.shiftOf(command.cdw10 & 0xf);
        }

        void begin() {
            busy = targets.size();
            for (var namespace : targets) {
                namespace.formatting = true;
            }
            if (targets.isEmpty()) {
                end(Status.SUCCESS);
            }
            for (var namespace : targets) {
                processor.drain().whenQuiet(namespace, command, this::quiet);
            }
        }

        private void quiet() {
            if (--busy == 0) {
                next();
            }
        }

        private void next() {
            if (era != controller.era()) {
                return;
            }
            while (index < targets.size() && isGone(targets.get(index))) {
                index++;
                offset = 0;
            }
            if (index == targets.size()) {
                end(Status.SUCCESS);
                return;
            }
            var namespace = targets.get(index);
            var info = namespace.info();
            long size = info.size() & -info.alignment();
            command.namespace = namespace;
            if (offset < size) {
                long n = Math.min(size - offset, info.discards() ? LARGE_PART : PART);
                long at = offset;
                offset += n;
                command.submit(StorageOperation.ZERO, at, n, false, true, zeroed);
            } else {
                command.submit(StorageOperation.FLUSH, 0, 0, false, false, flushed);
            }
            processor.wake();
        }

        /** The operator has removed it meanwhile. */
        private boolean isGone(Namespace namespace) {
            return namespaces.find(namespace.id) != namespace;
        }

        private void zeroed(int errno) {
            if (errno != 0) {
                end(Status.ofErrno(errno, true));
            } else {
                goOn();
            }
        }

        private void flushed(int errno) {
            if (errno != 0) {
                end(Status.ofErrno(errno, true));
                return;
            }
            index++;
            offset = 0;
            goOn();
        }

        /** In another turn of the loop: others have to be served too. */
        private void goOn() {
            processor.loop().execute(this::next);
        }

        private void end(int status) {
            for (var namespace : targets) {
                namespace.formatting = false;
                if (status == 0 && namespace.shift() != shift && !isGone(namespace)) {
                    namespace.shift(shift);
                    admin.namespaceChanged(namespace.id);
                }
            }
            admin.finish(command, status);
            processor.wake();
        }
    }
}
