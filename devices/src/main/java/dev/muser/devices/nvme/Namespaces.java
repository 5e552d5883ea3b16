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
        return made;
    }

    void remove(Namespace namespace) {
        byId[namespace.id] = null;
        all.remove(namespace);
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
        for (int i = 0; i < all.size(); i++) {
            found |= all.get(i).poll();
        }
        return found;
    }

    /** Hot. Nothing more is submitted for the moment. */
    void kick() {
        for (int i = 0; i < all.size(); i++) {
            all.get(i).kick();
        }
    }

    /** Says whether {@link #poll} is called from now on. */
    void polling(boolean on) {
        for (int i = 0; i < all.size(); i++) {
            all.get(i).storage().polling(on);
        }
    }

    /** Returns when no storage touches the driver's memory any more. */
    void quiesce() {
        for (var namespace : all) {
            if (namespace.isAway()) {
                namespace.storage().quiesce();
            }
        }
    }

    void close() {
        for (var namespace : all) {
            namespace.storage().close();
        }
        all.clear();
    }
}
