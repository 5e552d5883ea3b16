package dev.muser.devices.nvme;

import dev.muser.device.EventLoop;
import dev.muser.device.pci.DeviceState;
import dev.muser.device.pci.MovedMemory;
import dev.muser.devices.storage.Storage;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/** The namespaces of a controller, by identifier. */
final class Namespaces {
    /** As many can there be. */
    static final int MOST = 256;

    private final EventLoop loop;
    private final NamespaceRecords records;

    /** What the options say, not yet under identifiers. */
    private final List<Namespace> given = new ArrayList<>();

    /** By identifier; 0 is none. */
    private @Nullable Namespace[] byId = new @Nullable Namespace[2];

    private final List<Namespace> all = new ArrayList<>();

    /** All, and those that have been removed while requests were with their storages. */
    private final List<Namespace> served = new ArrayList<>();

    private boolean polling;

    Namespaces(EventLoop loop, DeviceState state) {
        this.loop = loop;
        records = new NamespaceRecords(state);
    }

    /**
     * Starts the storage of one that is there from the beginning.
     *
     * @throws dev.muser.devices.storage.StorageException when that does not start
     */
    void give(NamespaceOptions options) {
        if (given.size() == MOST) {
            throw full();
        }
        given.add(started(options));
    }

    private static IllegalStateException full() {
        return new IllegalStateException("a controller has at most %d namespaces".formatted(MOST));
    }

    private Namespace started(NamespaceOptions options) {
        options.storage().start(loop);
        var made = new Namespace(options, records);
        served.add(made);
        if (polling) {
            made.storage().polling(true);
        }
        return made;
    }

    /** The controller is switched on: gives the namespaces of the options their identifiers. */
    void create() {
        for (var namespace : given) {
            create(namespace);
        }
        given.clear();
    }

    private void create(Namespace namespace) {
        namespace.create(freeId());
        place(namespace);
    }

    private int freeId() {
        int id = 1;
        while (id <= MOST && records.isPresent(id)) {
            id++;
        }
        if (id > MOST) {
            throw full();
        }
        return id;
    }

    private void place(Namespace namespace) {
        int id = namespace.id;
        if (id >= byId.length) {
            var more = new @Nullable Namespace[Math.max(id + 1, 2 * byId.length)];
            System.arraycopy(byId, 0, more, 0, byId.length);
            byId = more;
        }
        byId[id] = namespace;
        all.add(namespace);
        all.sort((a, b) -> Integer.compare(a.id, b.id));
    }

    /**
     * Finds the namespaces again that the state has. Of those that the options have beside them,
     * the operator has removed them while the controller was running: they stay away.
     *
     * @param gone is told of those that the state has and the options lack, which are removed
     */
    void open(IntConsumer gone) {
        given.addAll(all); // when it was switched on for the fields that the old state lacks
        all.clear();
        Arrays.fill(byId, null);
        for (int id = 1; id <= MOST; id++) {
            if (records.isPresent(id)) {
                open(id, gone);
            }
        }
        for (var namespace : given) {
            served.remove(namespace);
            namespace.storage().forget();
            namespace.storage().close();
        }
        given.clear();
    }

    private void open(int id, IntConsumer gone) {
        var uuid = records.uuid(id);
        for (var namespace : given) {
            if (namespace.uuid().equals(uuid)) {
                given.remove(namespace);
                namespace.open(id);
                place(namespace);
                return;
            }
        }
        records.retire(id);
        gone.accept(id);
    }

    /**
     * Adds one under the lowest free identifier, and starts its storage.
     *
     * @throws dev.muser.devices.storage.StorageException when that does not start
     */
    Namespace add(NamespaceOptions options) {
        freeId(); // before anything is started
        var made = started(options);
        create(made);
        return made;
    }

    /** Takes it away from the driver. Its storage is served until it is {@link #closed}. */
    void remove(Namespace namespace) {
        namespace.remove();
        byId[namespace.id] = null;
        all.remove(namespace);
    }

    /** Closes the storage of one that was removed, and of which no request is under way. */
    void closed(Namespace namespace) {
        if (served.remove(namespace)) {
            if (polling) {
                namespace.storage().polling(false);
            }
            namespace.storage().quiesce();
            namespace.storage().forget();
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
        var sum = records.counters(0);
        for (var namespace : all) {
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
        return found != null && found.isAttached() ? found : null;
    }

    /** In ascending order of their identifiers. */
    List<Namespace> all() {
        return all;
    }

    /** The highest identifier in use; at least 1. */
    int highest() {
        return all.isEmpty() ? 1 : all.getLast().id;
    }

    /** Hot. Notes what was read and written. */
    void noteCounters() {
        for (int i = 0; i < served.size(); i++) {
            served.get(i).noteCounters();
        }
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

    /** Returns the bytes that are nowhere but in this process. */
    List<MovedMemory> memory() {
        var memory = new ArrayList<MovedMemory>();
        for (var namespace : all) {
            var file = namespace.storage().memory();
            if (file != null) {
                memory.add(
                        new MovedMemory(
                                "namespace." + namespace.uuid(), file, 0, namespace.info().size()));
            }
        }
        return memory;
    }

    /** Whether any storage is one that others may use so. */
    boolean have(Storage.Sharing sharing) {
        return served.stream().anyMatch(n -> n.storage().sharing() == sharing);
    }

    /** Whether other processes may use any of the storages. */
    boolean haveSharing() {
        return have(Storage.Sharing.ONE_AT_A_TIME) || have(Storage.Sharing.UNTOLD);
    }

    /**
     * All storages are for this process alone, or none.
     *
     * @throws dev.muser.devices.storage.StorageException when another one uses one of them
     */
    void takeOver() {
        boolean all = false;
        try {
            served.forEach(namespace -> namespace.storage().takeOver());
            all = true;
        } finally {
            if (!all) {
                handOver();
            }
        }
    }

    /** Other processes may use the storages. */
    void handOver() {
        served.forEach(namespace -> namespace.storage().handOver());
    }

    /**
     * Begins to make durable what was written, where that has not begun.
     *
     * @return whether there was anything
     */
    boolean settle() {
        boolean any = false;
        for (var namespace : served) {
            any |= namespace.settle(loop);
        }
        if (any) {
            kick();
        }
        return any;
    }

    /** Returns the namespace of which the last {@link #settle} has failed; null without. */
    @Nullable Namespace unsettled() {
        for (var namespace : served) {
            if (namespace.settleFailure() != 0) {
                return namespace;
            }
        }
        return null;
    }

    /** Whether any storage has requests that have begun. */
    boolean areUnderWay() {
        for (var namespace : served) {
            if (namespace.isUnderWay()) {
                return true;
            }
        }
        return false;
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
