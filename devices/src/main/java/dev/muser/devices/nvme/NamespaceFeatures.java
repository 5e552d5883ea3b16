package dev.muser.devices.nvme;

import java.util.ArrayList;
import java.util.List;

/**
 * Features that each namespace has for itself (NVMe base 1.4, 7.8): error recovery (5.21.1.5) and
 * write protection (5.21.1.29).
 */
final class NamespaceFeatures {
    private static final int ALL_NAMESPACES = 0xffff_ffff;
    private static final int TIME_LIMIT = 0xffff;
    private static final int DEALLOCATED_ERROR = 1 << 16;

    // write protection states
    private static final int UNPROTECTED = 0;
    private static final int PROTECTED = 1;

    private final AdminCommands admin;
    private final Namespaces namespaces;
    private final FlushAll flush;

    NamespaceFeatures(AdminCommands admin, Namespaces namespaces, FlushAll flush) {
        this.admin = admin;
        this.namespaces = namespaces;
        this.flush = flush;
    }

    void get(Command c, int id, boolean current) {
        var namespace = namespaces.attached(c.nsid);
        if (namespace == null) {
            admin.finish(c, Namespaces.whyMissing(c.nsid));
            return;
        }
        if (current) {
            c.result =
                    id == FeatureId.ERROR_RECOVERY
                            ? namespace.errorRecovery()
                            : namespace.isReadOnly() ? PROTECTED : UNPROTECTED;
        }
        admin.finish(c, Status.SUCCESS);
    }

    /** Of one namespace, or of all that the controller has. */
    void set(Command c, int id) {
        List<Namespace> targets = new ArrayList<>();
        if (c.nsid == ALL_NAMESPACES) {
            namespaces.all().stream().filter(Namespace::isAttached).forEach(targets::add);
        } else {
            var namespace = namespaces.attached(c.nsid);
            if (namespace == null) {
                admin.finish(c, Namespaces.whyMissing(c.nsid));
                return;
            }
            targets.add(namespace);
        }
        if (id == FeatureId.ERROR_RECOVERY) {
            setErrorRecovery(c, targets);
        } else {
            setProtection(c, targets);
        }
    }

    private void setErrorRecovery(Command c, List<Namespace> targets) {
        if ((c.cdw11 & DEALLOCATED_ERROR) != 0) {
            admin.finish(c, Status.INVALID_FIELD); // NSFEAT says that there is no such error
            return;
        }
        targets.forEach(n -> n.errorRecovery(c.cdw11 & TIME_LIMIT));
        admin.finish(c, Status.SUCCESS);
    }

    /** What is in a cache becomes durable before a namespace is protected (8.19). */
    private void setProtection(Command c, List<Namespace> targets) {
        int wanted = c.cdw11 & 7;
        if (wanted > PROTECTED) {
            admin.finish(c, Status.INVALID_FIELD);
        } else if (targets.stream().anyMatch(Namespace::isAlwaysReadOnly)) {
            admin.finish(c, Status.FEATURE_NOT_CHANGEABLE);
        } else {
            targets.forEach(n -> n.protect(wanted == PROTECTED));
            if (wanted == PROTECTED) {
                flush.begin(c);
            } else {
                admin.finish(c, Status.SUCCESS);
            }
        }
    }

    /** Time limits are forgotten with a reset; protection stays. */
    void reset() {
        for (var namespace : namespaces.all()) {
            namespace.errorRecovery(0);
        }
    }
}
