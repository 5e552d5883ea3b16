package dev.muser.devices.nvme;

import dev.muser.device.pci.DeviceState;
import dev.muser.device.pci.StateField;
import dev.muser.device.pci.Width;
import dev.muser.devices.storage.Storage;
import dev.muser.devices.storage.StorageException;
import org.jspecify.annotations.Nullable;

/**
 * Whether the controller may use its storages, which another server may have: it lets go of them
 * before another one goes on as what it is, and takes them when it goes on itself. The state says
 * so, and not what is locked: a process that takes over a disk that is elsewhere must not lock its
 * images.
 *
 * <p>Owned by the loop's thread.
 */
final class Custody {
    private static final int HERE = 0;

    /** The disk is to move in, and has not yet. */
    private static final int EXPECTED = 1;

    /** It may be elsewhere, or is to go on here when its client says so. */
    private static final int AWAY = 2;

    private final StateField state;
    private final Namespaces namespaces;

    Custody(DeviceState fields, Namespaces namespaces) {
        state = fields.field("nvme.custody", Width.U8);
        fields.ofSession("nvme.custody"); // it is about this server, not the disk
        this.namespaces = namespaces;
    }

    /**
     * The state is new.
     *
     * @param incoming whether the disk is elsewhere
     */
    void powerOn(boolean incoming) {
        state.set(incoming ? EXPECTED : HERE);
    }

    /**
     * The state is what a process before this one has left, maybe between two steps.
     *
     * @throws StorageException when another one uses a storage by now
     */
    void restored() {
        if (isHere()) {
            namespaces.takeOver();
        } else {
            namespaces.handOver();
        }
    }

    boolean isHere() {
        return state.get() == HERE;
    }

    boolean isExpected() {
        return state.get() == EXPECTED;
    }

    /** Another one may go on as what the controller is, which stands still. */
    void handOver() {
        if (isHere() && namespaces.haveSharing()) {
            state.set(AWAY);
            namespaces.handOver();
        }
    }

    /** The controller has become another, and will go on as that. */
    void moved() {
        if (isExpected()) {
            state.set(AWAY);
        }
    }

    /**
     * The controller is to go on. One that waits for a disk goes on waiting.
     *
     * @throws StorageException when another one uses a storage
     */
    void takeOver() {
        if (state.get() == AWAY) {
            namespaces.takeOver();
            state.set(HERE);
        }
    }

    /**
     * A driver wants to use the controller: takes the storages if that is safe.
     *
     * @return null, or why it is not
     */
    @Nullable String refusal() {
        if (isExpected()) {
            return "it waits for a disk to move in, since it was started with --incoming";
        }
        if (!isHere() && namespaces.have(Storage.Sharing.UNTOLD)) {
            return "the disk has moved away, and nobody can tell whether it is in use elsewhere:"
                    + " move it back, or start this server anew";
        }
        try {
            namespaces.takeOver();
        } catch (StorageException e) {
            return e.getMessage();
        }
        state.set(HERE);
        return null;
    }
}
