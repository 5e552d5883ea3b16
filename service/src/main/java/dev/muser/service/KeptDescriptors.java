package dev.muser.service;

import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import dev.muser.linux.SyscallException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What the service manager keeps for this process, {@code FDSTORE=1}, with a duplicate of each
 * here: nobody can ask the manager for one.
 */
final class KeptDescriptors implements DescriptorStore, AutoCloseable {
    private static final System.Logger LOG = System.getLogger("dev.muser.service");

    private final NotifySocket manager;
    private final int capacity;
    private final Map<String, Fd> kept = new HashMap<>();
    private int namesTogether;
    private volatile boolean managerGone;

    /**
     * @param capacity how many descriptors the manager takes
     */
    KeptDescriptors(NotifySocket manager, int capacity) {
        this.manager = manager;
        this.capacity = capacity;
    }

    /** Takes over what the manager has already. Of two with one name the first one counts. */
    synchronized void adopt(String name, Fd fd) {
        if (kept.putIfAbsent(name, fd) == null) {
            namesTogether += room(name);
        } else {
            fd.close();
        }
    }

    /** Returns all, under the names by which the manager knows them; they stay this object's. */
    synchronized List<NamedDescriptor> all() {
        var all = new ArrayList<NamedDescriptor>(kept.size());
        kept.forEach((name, fd) -> all.add(new NamedDescriptor(DescriptorNames.stored(name), fd)));
        return all;
    }

    @Override
    public boolean isKept() {
        return !managerGone;
    }

    @Override
    public synchronized Set<String> names() {
        return new HashSet<>(kept.keySet());
    }

    @Override
    public synchronized int room() {
        return Math.min(
                capacity - kept.size(),
                (DescriptorNames.MAX_TOGETHER - namesTogether) / DescriptorNames.USUAL_LENGTH);
    }

    @Override
    public synchronized @Nullable Fd get(String name) {
        var fd = kept.get(name);
        return fd == null ? null : fd.duplicate();
    }

    @Override
    public synchronized void put(String name, Fd fd) {
        var outside = DescriptorNames.stored(name);
        if (!kept.containsKey(name)) {
            requireRoom(name);
        }
        var copy = fd.duplicate();
        try {
            remove(name);
            tell("FDSTORE=1\nFDPOLL=0\nFDNAME=" + outside, List.of(copy));
        } catch (RuntimeException e) {
            copy.close();
            throw e;
        }
        kept.put(name, copy);
        namesTogether += room(name);
    }

    private void requireRoom(String name) {
        if (kept.size() >= capacity) {
            throw new SyscallException(
                    "keep %s: the service manager keeps %d descriptors and no more"
                                    .formatted(name, capacity)
                            + " (FileDescriptorStoreMax= of the unit)",
                    Errno.ENOSPC);
        }
        if (namesTogether + room(name) > DescriptorNames.MAX_TOGETHER) {
            throw new SyscallException(
                    "keep %s: the names of what is kept come to %d bytes together"
                            .formatted(name, namesTogether),
                    Errno.ENOSPC);
        }
    }

    /** Bytes that a name takes in LISTEN_FDNAMES. */
    private static int room(String name) {
        return DescriptorNames.STORED.length() + name.length() + 1;
    }

    @Override
    public synchronized void remove(String name) {
        var outside = DescriptorNames.stored(name);
        var fd = kept.remove(name);
        if (fd != null) {
            namesTogether -= room(name);
            fd.close();
            tell("FDSTOREREMOVE=1\nFDNAME=" + outside, List.of());
        }
    }

    private void tell(String message, List<Fd> descriptors) {
        if (managerGone || manager.send(message, descriptors)) {
            return;
        }
        managerGone = true;
        LOG.log(
                System.Logger.Level.WARNING,
                "the service manager is gone: the devices go on, but will not outlive this"
                        + " process");
    }

    @Override
    public synchronized void close() {
        kept.values().forEach(Fd::close);
        kept.clear();
        namesTogether = 0;
    }
}
