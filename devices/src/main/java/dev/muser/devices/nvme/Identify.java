package dev.muser.devices.nvme;

import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** Identify (NVMe base 1.4, 5.15): which data structure a driver asks for, and the lists. */
final class Identify {
    private static final int SIZE = 4096;
    private static final int ALL_NAMESPACES = 0xffff_ffff;

    // CNS (figure 244)
    private static final int NAMESPACE = 0x00;
    private static final int CONTROLLER = 0x01;
    private static final int ACTIVE_NAMESPACES = 0x02;
    private static final int DESCRIPTORS = 0x03;
    private static final int ALLOCATED_NAMESPACES = 0x10;
    private static final int ALLOCATED_NAMESPACE = 0x11;
    private static final int ATTACHED_CONTROLLERS = 0x12;
    private static final int CONTROLLERS = 0x13;

    private final AdminCommands admin;
    private final Namespaces namespaces;
    private final IdentifyController controller;

    Identify(AdminCommands admin, Namespaces namespaces, NvmeOptions options) {
        this.admin = admin;
        this.namespaces = namespaces;
        controller = new IdentifyController(options, namespaces);
    }

    void execute(Command c) {
        switch (c.cdw10 & 0xff) {
            case NAMESPACE -> namespace(c, namespaces.attached(c.nsid), true);
            case CONTROLLER -> respond(c, controller.structure());
            case ACTIVE_NAMESPACES -> list(c, Namespace::isAttached);
            case DESCRIPTORS -> descriptors(c);
            case ALLOCATED_NAMESPACES -> list(c, namespace -> true);
            case ALLOCATED_NAMESPACE -> namespace(c, namespaces.find(c.nsid), false);
            case ATTACHED_CONTROLLERS -> attachedControllers(c);
            case CONTROLLERS -> controllers(c, true);
            default -> admin.finish(c, Status.INVALID_FIELD);
        }
    }

    /** One that is not there is all zero (5.15.2.1). */
    private void namespace(Command c, @Nullable Namespace found, boolean common) {
        if (found != null) {
            respond(c, IdentifyNamespace.structure(found));
        } else if (common && c.nsid == ALL_NAMESPACES) {
            respond(c, IdentifyNamespace.common());
        } else if (Namespaces.isValid(c.nsid)) {
            respond(c, new DataStructure(SIZE));
        } else {
            admin.finish(c, Status.INVALID_NAMESPACE);
        }
    }

    /** Identifiers above the one that is given (5.15.2.3). */
    private void list(Command c, Predicate<Namespace> wanted) {
        if (Integer.compareUnsigned(c.nsid, 0xffff_fffe) >= 0) {
            admin.finish(c, Status.INVALID_NAMESPACE);
            return;
        }
        var list = new DataStructure(SIZE);
        long at = 0;
        for (var namespace : namespaces.all()) {
            if (wanted.test(namespace)
                    && Integer.compareUnsigned(namespace.id, c.nsid) > 0
                    && at < SIZE) {
                list.u32(at, namespace.id);
                at += 4;
            }
        }
        respond(c, list);
    }

    private void descriptors(Command c) {
        var namespace = namespaces.attached(c.nsid);
        if (namespace == null) {
            admin.finish(c, Namespaces.whyMissing(c.nsid));
        } else {
            respond(c, IdentifyNamespace.descriptors(namespace));
        }
    }

    private void attachedControllers(Command c) {
        var namespace = namespaces.find(c.nsid);
        if (namespace == null) {
            admin.finish(c, Namespaces.whyMissing(c.nsid));
        } else {
            controllers(c, namespace.isAttached());
        }
    }

    /**
     * A list of controllers from the given identifier on.
     *
     * <pre>
     *   0  u16  how many    2  u16  the first    4  u16  ...
     * </pre>
     *
     * @param ours whether this one, which is alone in its subsystem, is one of them
     */
    private void controllers(Command c, boolean ours) {
        var list = new DataStructure(SIZE);
        if (ours && c.cdw10 >>> 16 <= IdentifyController.ID) {
            list.u16(0, 1).u16(2, IdentifyController.ID);
        }
        respond(c, list);
    }

    private void respond(Command c, DataStructure structure) {
        admin.respond(c, structure.bytes(), SIZE);
    }
}
