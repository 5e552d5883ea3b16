package dev.muser.devices.nvme;

/** Namespaces come and go while the controller runs. Owned by the loop's thread. */
final class NamespaceChanges {
    private final Processor processor;
    private final Namespaces namespaces;
    private final Custody custody;

    NamespaceChanges(Processor processor, Namespaces namespaces, Custody custody) {
        this.processor = processor;
        this.namespaces = namespaces;
        this.custody = custody;
    }

    /** Adds a namespace, and tells the driver; returns its identifier. */
    int add(NamespaceOptions added) {
        requireStaying();
        var namespace = namespaces.add(added);
        if (namespace.isAttached()) {
            processor.admin().namespaceChanged(namespace.id);
        }
        return namespace.id;
    }

    /** Removes a namespace, and tells the driver; its storage is closed when it has no requests. */
    void remove(int id) {
        requireStaying();
        var namespace = namespaces.find(id);
        if (namespace == null) {
            throw new IllegalArgumentException("there is no namespace %d".formatted(id));
        }
        boolean attached = namespace.isAttached();
        namespaces.remove(namespace);
        if (attached) {
            processor.admin().namespaceChanged(namespace.id);
        }
        // not at once: it may be the storage itself that says that the last request is over
        Runnable close = () -> namespaces.closed(namespace);
        processor.drain().whenQuiet(namespace, null, () -> processor.loop().execute(close));
        processor.wake();
    }

    private void requireStaying() {
        if (!custody.isHere()) {
            throw new IllegalStateException(
                    custody.isExpected()
                            ? "the disk has not moved in yet: its namespaces cannot change now"
                            : "the disk has moved away: its namespaces cannot change here");
        }
        if (processor.isQuiescing()) {
            throw new IllegalStateException(
                    "the controller is being migrated: its namespaces cannot change now");
        }
    }
}
