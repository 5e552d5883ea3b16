package dev.muser.devices.nvme;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Namespace Attachment and Namespace Management (NVMe base 1.4, 5.19 and 5.20). A driver can attach
 * and detach; only the operator makes namespaces, so there is never room for another.
 */
final class NamespaceCommands {
    private static final int LIST = 4096;
    private static final int FIRST = 0;
    private static final int SECOND = 1;
    private static final int ALL_NAMESPACES = 0xffff_ffff;
    private static final ValueLayout.OfShort U16 =
            ValueLayout.JAVA_SHORT.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final AdminCommands admin;
    private final Namespaces namespaces;

    NamespaceCommands(AdminCommands admin, Namespaces namespaces) {
        this.admin = admin;
        this.namespaces = namespaces;
    }

    void attachment(Command c) {
        int select = c.cdw10 & 0xf;
        if (select != FIRST && select != SECOND) {
            admin.finish(c, Status.INVALID_FIELD);
        } else if (namespaces.find(c.nsid) == null) {
            admin.finish(c, Namespaces.whyMissing(c.nsid));
        } else {
            admin.receive(
                    c,
                    LIST,
                    (command, errno) ->
                            admin.finish(c, attach(c, select == FIRST, command.privateData())));
        }
    }

    /** The list must name this controller, which is alone in its subsystem. */
    private int attach(Command c, boolean attach, MemorySegment list) {
        int n = list.get(U16, 0) & 0xffff;
        if (n != 1 || (list.get(U16, 2) & 0xffff) != IdentifyController.ID) {
            return Status.CONTROLLER_LIST_INVALID;
        }
        var namespace = namespaces.find(c.nsid);
        if (namespace == null) {
            return Namespaces.whyMissing(c.nsid); // removed meanwhile
        }
        if (namespace.isAttached() == attach) {
            return attach ? Status.NAMESPACE_ALREADY_ATTACHED : Status.NAMESPACE_NOT_ATTACHED;
        }
        namespace.attach(attach);
        admin.namespaceChanged(namespace.id);
        return Status.SUCCESS;
    }

    void management(Command c) {
        int select = c.cdw10 & 0xf;
        if (select == FIRST) {
            admin.finish(c, Status.INSUFFICIENT_CAPACITY);
        } else if (select != SECOND) {
            admin.finish(c, Status.INVALID_FIELD);
        } else if (c.nsid != ALL_NAMESPACES && namespaces.find(c.nsid) == null) {
            admin.finish(c, Namespaces.whyMissing(c.nsid));
        } else {
            admin.finish(c, Status.OPERATION_DENIED);
        }
    }
}
