package dev.muser.devices.storage.nbd;

import dev.muser.devices.storage.StorageRequest;
import org.jspecify.annotations.Nullable;

/** A request, and how far it is: it can need several commands. The loop's alone. */
final class NbdTransfer {
    /** Null when nobody waits for it any more. */
    @Nullable StorageRequest request;

    /** Where it is among those under way. */
    int index;

    int type;
    int flags;
    long offset;
    long length;

    /** The most that one command asks for. */
    long step;

    /** How much has been asked for. */
    long asked;

    /** A FLUSH has been, or need not be, asked for. */
    boolean flushed;

    /** It is in the queue of those that want to send more. */
    boolean queued;

    /** A WRITE of zeros, not of the request's data. */
    boolean zeroes;

    /** Commands under way. */
    int commands;

    int errno;

    void prepare(StorageRequest forRequest) {
        request = forRequest;
        offset = forRequest.offset();
        length = forRequest.length();
        flags = 0;
        asked = 0;
        flushed = true;
        queued = false;
        zeroes = false;
        commands = 0;
        errno = 0;
    }

    void as(int newType, long newStep) {
        type = newType;
        step = newStep;
    }

    boolean hasData() {
        return type == NbdProtocol.CMD_READ || type == NbdProtocol.CMD_WRITE;
    }

    /** Whether another command can be sent now. */
    boolean wantsMore() {
        if (errno != 0) {
            return false;
        }
        return asked < length || (!flushed && commands == 0);
    }

    boolean isDone() {
        return commands == 0 && !wantsMore();
    }
}
