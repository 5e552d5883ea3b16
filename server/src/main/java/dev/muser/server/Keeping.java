package dev.muser.server;

import dev.muser.linux.Fd;
import dev.muser.service.DescriptorStore;
import dev.muser.service.Predecessor;
import org.jspecify.annotations.Nullable;

/**
 * How a device outlives its process.
 *
 * @param label what kind of device it is, up to 64 ASCII characters: what another kind has left is
 *     refused
 * @param store has what a process before this one left, and keeps what the next one needs
 * @param listening a socket that listens already; it belongs to the server. Null for one that the
 *     server makes, or has kept
 * @param journal whether each request is carried out exactly once. Without, one may be carried out
 *     twice, answered once, for a device whose author allows it
 * @param predecessor the process that has left what is in the store, when it may not have ended;
 *     stays the caller's
 */
public record Keeping(
        String label,
        DescriptorStore store,
        @Nullable Fd listening,
        boolean journal,
        @Nullable Predecessor predecessor) {

    public Keeping(String label, DescriptorStore store) {
        this(label, store, null, true, null);
    }
}
