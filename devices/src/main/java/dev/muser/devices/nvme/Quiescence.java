package dev.muser.devices.nvme;

import dev.muser.device.VfioException;
import dev.muser.linux.Errno;

/** A controller that is migrated stands still. Owned by the loop's thread. */
final class Quiescence {
    private final Processor processor;
    private final Namespaces namespaces;
    private final Custody custody;

    Quiescence(Processor processor, Namespaces namespaces, Custody custody) {
        this.processor = processor;
        this.namespaces = namespaces;
        this.custody = custody;
    }

    /**
     * The controller is to stand still, to be migrated. Commands that storages have come back, and
     * are completed or noted; those that have not begun, or are between two steps, begin again
     * where the controller goes on.
     *
     * <p>What was written is made durable, as the machine that goes on may be another: a later
     * flush there knows nothing of it.
     *
     * @return whether no storage is at work
     * @throws VfioException when what was written cannot be made durable
     */
    boolean begin() {
        processor.quiesce();
        if (namespaces.areUnderWay()) {
            return false;
        }
        if (custody.isHere() && namespaces.settle() && namespaces.areUnderWay()) {
            return false;
        }
        var failed = namespaces.unsettled();
        if (failed != null) {
            throw new VfioException(
                    Errno.EIO,
                    "what was written to %s cannot be made durable: %s"
                            .formatted(
                                    failed.description(), Errno.describe(failed.settleFailure())));
        }
        return true;
    }

    /** The controller is copied, and is to stand still soon. */
    void moveExpected() {
        if (custody.isHere()) {
            namespaces.settle();
        }
    }

    /** The controller goes on after all. */
    void end() {
        processor.resume();
    }
}
