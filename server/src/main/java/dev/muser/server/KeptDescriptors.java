package dev.muser.server;

import dev.muser.device.VfioException;
import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import dev.muser.linux.SyscallException;
import dev.muser.service.DescriptorStore;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The descriptors of a client that a successor needs, each kept once by what it stands for: systemd
 * keeps one entry for an open file, and a client passes the same one again and again.
 *
 * <p>One that is no longer used is forgotten after the transaction that says so, lest a successor
 * that undoes it find it gone.
 */
final class KeptDescriptors {
    static final String PREFIX = "fd-";

    private final DescriptorStore store;
    private final Map<FdIdentity, Integer> uses = new HashMap<>();
    private final Set<String> stored = new HashSet<>();
    private final List<FdIdentity> dropped = new ArrayList<>();

    KeptDescriptors(DescriptorStore store) {
        this.store = store;
        store.names().stream().filter(name -> name.startsWith(PREFIX)).forEach(stored::add);
    }

    /**
     * Keeps what {@code fd} stands for until it is dropped as often.
     *
     * @throws VfioException when whoever keeps it cannot, or would have none left for others: a
     *     client has no more than are left
     */
    FdIdentity hold(Fd fd) {
        var identity = FdIdentity.of(fd);
        int held = stored.size();
        if (stored.add(identity.name())) {
            try {
                if (held >= store.room()) {
                    throw new SyscallException("keep " + identity.name(), Errno.ENOSPC);
                }
                store.put(identity.name(), fd);
            } catch (SyscallException e) {
                stored.remove(identity.name());
                throw new VfioException(e.errno(), "descriptor cannot be kept: " + e.getMessage());
            }
        }
        holdAgain(identity);
        return identity;
    }

    /** Notes one more use, of what a process before this one has put here. */
    void holdAgain(FdIdentity identity) {
        uses.merge(identity, 1, Integer::sum);
    }

    void drop(FdIdentity identity) {
        Integer left = uses.computeIfPresent(identity, (i, n) -> n == 1 ? null : n - 1);
        if (left == null) {
            dropped.add(identity);
        }
    }

    /** Hot. Whether {@link #forget} has anything to do. */
    boolean hasDropped() {
        return !dropped.isEmpty();
    }

    /** Forgets what nothing uses any more. The transaction that dropped it is over. */
    void forget() {
        for (var identity : dropped) {
            if (!uses.containsKey(identity) && stored.remove(identity.name())) {
                store.remove(identity.name());
            }
        }
        dropped.clear();
    }

    /** Forgets what a process before this one left and nothing uses. */
    void forgetUnused() {
        var used = new HashSet<String>();
        uses.keySet().forEach(identity -> used.add(identity.name()));
        for (var name : Set.copyOf(stored)) {
            if (!used.contains(name)) {
                stored.remove(name);
                store.remove(name);
            }
        }
    }

    /**
     * Returns a descriptor of what {@code identity} says, the caller's to close; also one that the
     * device itself keeps. Null when there is none.
     */
    @Nullable Fd find(FdIdentity identity) {
        if (stored.contains(identity.name())) {
            return store.get(identity.name());
        }
        for (var name : store.names()) {
            var fd = store.get(name);
            if (fd != null) {
                if (FdIdentity.of(fd).equals(identity)) {
                    return fd;
                }
                fd.close();
            }
        }
        return null;
    }
}
