package dev.muser.cli.disk;

import dev.muser.devices.nvme.NamespaceOptions;
import dev.muser.devices.storage.ImageFiles;
import dev.muser.linux.Fd;
import dev.muser.linux.FileStatus;
import dev.muser.linux.MemoryFile;
import dev.muser.service.DescriptorStore;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.UUID;

/**
 * The namespaces that operators have added to a disk while it was served, noted in the disk's store
 * so that a process that goes on has them too. Any thread.
 */
public final class AddedNamespaces {
    private static final String NAME = "added";
    private static final String BETWEEN = "\0";

    private final DescriptorStore store;
    private final ImageFiles files;
    private final List<Entry> entries = new ArrayList<>();

    /** What was added: its identity, whose it is, and what the operator wrote. */
    private record Entry(UUID uuid, String owner, String text) {}

    /**
     * Reads what a process before this one has noted.
     *
     * @param store of the disk
     * @param files who opens images
     */
    public AddedNamespaces(DescriptorStore store, ImageFiles files) {
        this.store = store;
        this.files = files;
        try (var noted = store.get(NAME)) {
            if (noted != null) {
                parse(read(noted));
            }
        }
    }

    private void parse(String all) {
        var words = all.split(BETWEEN, -1);
        for (int i = 0; i + 3 < words.length; i += 3) {
            entries.add(new Entry(UUID.fromString(words[i]), words[i + 1], words[i + 2]));
        }
    }

    /**
     * Opens all again.
     *
     * @throws dev.muser.cli.UserError when one cannot be opened; none is then open
     */
    public synchronized List<NamespaceOptions> open() {
        var opened = new ArrayList<NamespaceOptions>();
        try {
            for (var entry : entries) {
                opened.add(DiskSpec.ofText(entry.text).open(entry.owner, store, files, false));
            }
        } catch (RuntimeException e) {
            opened.forEach(namespace -> namespace.storage().close());
            throw e;
        }
        return opened;
    }

    /** Opens one more, which is not noted yet. */
    public synchronized NamespaceOptions open(String owner, String text) {
        return DiskSpec.ofText(text).open(owner, store, files, false);
    }

    /** Notes one that is served from now on, and forgets those that are not any more. */
    public synchronized void add(UUID uuid, String owner, String text, Set<UUID> served) {
        entries.removeIf(entry -> entry.uuid.equals(uuid) || !served.contains(entry.uuid));
        entries.add(new Entry(uuid, owner, text));
        write();
    }

    /** Forgets those that are not served any more. */
    public synchronized void retain(Set<UUID> served) {
        if (entries.removeIf(entry -> !served.contains(entry.uuid))) {
            write();
        }
    }

    /** Returns a name for bytes of one more that have no name of their own. */
    public synchronized String owner(String disk) {
        int number = 1;
        while (isTaken("%s added %d".formatted(disk, number))) {
            number++;
        }
        return "%s added %d".formatted(disk, number);
    }

    private boolean isTaken(String owner) {
        return entries.stream().anyMatch(entry -> entry.owner.equals(owner));
    }

    private void write() {
        var text = new StringBuilder();
        for (var e : entries) {
            text.append(e.uuid).append(BETWEEN).append(e.owner).append(BETWEEN);
            text.append(e.text).append(BETWEEN);
        }
        var bytes = text.toString().getBytes(StandardCharsets.UTF_8);
        try (var fd = MemoryFile.create("muser-namespaces", bytes.length);
                var arena = Arena.ofConfined()) {
            var memory = arena.allocate(Math.max(1, bytes.length));
            MemorySegment.copy(bytes, 0, memory, ValueLayout.JAVA_BYTE, 0, bytes.length);
            fd.writeAt(0, memory, 0, bytes.length);
            store.put(NAME, fd);
        }
    }

    private static String read(Fd noted) {
        int length = (int) FileStatus.of(noted).size();
        try (var arena = Arena.ofConfined()) {
            var memory = arena.allocate(Math.max(1, length));
            noted.readAt(0, memory, 0, length);
            var bytes = memory.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE);
            return new String(bytes, StandardCharsets.UTF_8);
        }
    }
}
