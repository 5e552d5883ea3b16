package dev.muser.service;

import dev.muser.linux.Fd;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A store within this process: for devices that are restarted inside of it, as tests do, and for
 * what is to be passed on.
 */
public final class LocalStore implements DescriptorStore, AutoCloseable {
    private final Map<String, Fd> kept = new HashMap<>();

    @Override
    public synchronized Set<String> names() {
        return Set.copyOf(kept.keySet());
    }

    @Override
    public synchronized @Nullable Fd get(String name) {
        var fd = kept.get(name);
        return fd == null ? null : fd.duplicate();
    }

    @Override
    public synchronized void put(String name, Fd fd) {
        var old = kept.put(name, fd.duplicate());
        if (old != null) {
            old.close();
        }
    }

    @Override
    public synchronized void remove(String name) {
        var old = kept.remove(name);
        if (old != null) {
            old.close();
        }
    }

    /** Closes all that is here. */
    @Override
    public synchronized void close() {
        kept.values().forEach(Fd::close);
        kept.clear();
    }
}
