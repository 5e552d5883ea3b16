package dev.muser.keeper;

import dev.muser.linux.Fd;
import dev.muser.service.DescriptorNames;
import dev.muser.service.NamedDescriptor;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The descriptors that are kept: {@code FDSTORE=1} and its kin of {@code sd_notify(3)}. */
final class Store implements AutoCloseable {
    private final Map<String, Fd> kept = new LinkedHashMap<>();
    private final NotifyListener listener;
    private final int capacity;
    private int namesTogether;
    private boolean saidFull;
    private boolean saidLost;

    /**
     * @param listener brings the descriptors
     */
    Store(NotifyListener listener, int capacity) {
        this.listener = listener;
        this.capacity = capacity;
    }

    /** Does what the listener's message says of descriptors. */
    void hear(Notification said) {
        if (said.forget) {
            var name = said.nameToForget();
            if (name != null) {
                remove(name);
            }
        } else if (said.keep) {
            if (listener.lostDescriptors() && !saidLost) {
                saidLost = true;
                Words.say("a descriptor was lost: the limit of open files (ulimit -n) is too low");
            }
            var name = said.nameToKeep();
            // of several with one name the last one stays
            for (int i = 0; i < listener.descriptors(); i++) {
                if (!put(name, listener.take(i)) && !saidFull) {
                    saidFull = true;
                    Words.say(
                            "no room for descriptor ",
                            name,
                            ": it and those after it are not kept (--capacity)");
                }
            }
        }
    }

    int size() {
        return kept.size();
    }

    /**
     * Keeps {@code fd}, instead of what has been here under the name.
     *
     * @return false when there is no room; {@code fd} is closed then
     */
    boolean put(String name, Fd fd) {
        remove(name);
        if (kept.size() >= capacity
                || namesTogether + name.length() + 1 > DescriptorNames.MAX_TOGETHER) {
            fd.close();
            return false;
        }
        kept.put(name, fd);
        namesTogether += name.length() + 1;
        return true;
    }

    void remove(String name) {
        var fd = kept.remove(name);
        if (fd != null) {
            namesTogether -= name.length() + 1;
            fd.close();
        }
    }

    /** Returns all, in the order in which they came; they stay the store's. */
    List<NamedDescriptor> all() {
        var all = new ArrayList<NamedDescriptor>(kept.size());
        for (var entry : kept.entrySet()) {
            all.add(new NamedDescriptor(entry.getKey(), entry.getValue()));
        }
        return all;
    }

    @Override
    public void close() {
        for (var fd : kept.values()) {
            fd.close();
        }
        kept.clear();
        namesTogether = 0;
    }
}
