package dev.muser.devices.nvme;

import dev.muser.device.EventLoop;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The namespaces of a controller, by identifier. */
final class Namespaces {
    /** As many can there be. */
    static final int MOST = 256;

    private final EventLoop loop;

    /** By identifier; 0 is none. */
    private @Nullable Namespace[] byId = new @Nullable Namespace[2];

    private final List<Namespace> all = new ArrayList<>();

    /** All, and those that have been removed while requests were with their storages. */
    private final List<Namespace> served = new ArrayList<>();

    /** Of those that are no more. */
    private NamespaceCounters past = NamespaceCounters.NONE;

    private boolean polling;

    Namespaces(EventLoop loop) {
        this.loop = loop;
    }

    /**
     * Adds one under the lowest free identifier, and starts its storage.
     *
     * @throws dev.muser.devices.storage.StorageException when that does not start
     */
    Namespace add(NamespaceOptions options) {
        int id = 1;
        while (find(id) != null) {
            id++;
        }
        if (id > MOST) {
            throw new IllegalStateException(
                    "a controller has at most %d namespaces".formatted(MOST));
        }
        options.storage().start(loop);
        var made = new Namespace(id, options);
        if (id >= byId.length) {
            var more = new @Nullable Namespace[Math.max(id + 1, 2 * byId.length)];
            System.arraycopy(byId, 0, more, 0, byId.length);
            byId = more;
        }
        byId[id] = made;
        all.add(made);
        all.sort((a, b) -> Integer.compare(a.id, b.id));
        served.add(made);
        if (polling) {
            made.storage().polling(true);
        }
        return made;
    }

    /** Takes it away from the driver. Its storage is served until it is {@link #closed}. */
    void remove(Namespace namespace) {
        namespace.attached = false;
        byId[namespace.id] = null;
        all.remove(namespace);
    }

    /** Closes the storage of one that was removed, and of which no request is under way. */
    void closed(Namespace namespace) {
        if (served.remove(namespace)) {
            past = past.plus(namespace.counters());
            if (polling) {
                namespace.storage().polling(false);
            }
            namespace.storage().quiesce();
            namespace.storage().close();
        }
    }

    /** Whether it is an identifier that a namespace could have. */
    static boolean isValid(int id) {
        return id > 0 && id <= MOST;
    }

    /** Returns the status for a command about a namespace that is not there (6.1.5). */
    static int whyMissing(int id) {
        return isValid(id) ? Status.INVALID_FIELD : Status.INVALID_NAMESPACE;
    }

    /** Whether writes to any of them may be lost before a flush. */
    boolean haveVolatileCache() {
        return all.stream().anyMatch(namespace -> namespace.info().volatileCache());
    }

    /** Returns what went in and out of all that there are, and that there were. */
    NamespaceCounters counters() {
        var sum = past;
        for (var namespace : served) {
            sum = sum.plus(namespace.counters());
        }
        return sum;
    }

    /** Hot. Returns the namespace of that identifier, attached or not; null when there is none. */
    @Nullable Namespace find(int id) {
        return id > 0 && id < byId.length ? byId[id] : null;
    }

    /** Hot. Returns the namespace that commands can use; null when there is none. */
    @Nullable Namespace attached(int id) {
        var found = find(id);
        return found != null && found.attached ? found : null;
    }

    /** In ascending order of their identifiers. */
    List<Namespace> all() {
        return all;
    }

    /** The highest identifier in use; at least 1. */
    int highest() {
        return all.isEmpty() ? 1 : all.getLast().id;
    }

    /** Hot. Looks for what storages have done. */
    boolean poll() {
        boolean found = false;
        for (int i = 0; i < served.size(); i++) {
            found |= served.get(i).poll();
        }
        return found;
    }

    /** Hot. Nothing more is submitted for the moment; returns whether anything was. */
    boolean kick() {
        boolean any = false;
        for (int i = 0; i < served.size(); i++) {
            any |= served.get(i).kick();
        }
        return any;
    }

    /** The controller is disabled: requests may end early. */
    void cancel() {
        for (int i = 0; i < served.size(); i++) {
            var namespace = served.get(i);
            if (namespace.isAway()) {
                namespace.storage().cancel();
            }
        }
    }

    /** Says whether {@link #poll} is called from now on. */
    void polling(boolean on) {
        polling = on;
        for (int i = 0; i < served.size(); i++) {
            served.get(i).storage().polling(on);
        }
    }

    /** Returns when no storage touches the driver's memory any more. */
    void quiesce() {
        for (var namespace : served) {
            if (namespace.isAway()) {
                namespace.storage().quiesce();
            }
        }
    }

    void close() {
        for (var namespace : served) {
            namespace.storage().close();
        }
        all.clear();
        served.clear();
    }
}
