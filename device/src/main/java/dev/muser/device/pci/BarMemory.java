package dev.muser.device.pci;

import dev.muser.device.state.StateMismatchException;
import dev.muser.linux.Fd;
import dev.muser.linux.FileStatus;
import dev.muser.linux.Mapping;
import dev.muser.linux.MemoryFile;
import dev.muser.service.DescriptorStore;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The memory of a device that its clients can map: one memory file for all of its BARs, each at an
 * offset of its own. The file is made when the first BAR with such memory is sealed, just long
 * enough, and can be neither shortened nor extended afterwards.
 */
final class BarMemory implements AutoCloseable {
    private static final int FINAL =
            MemoryFile.SEAL_SHRINK | MemoryFile.SEAL_GROW | MemoryFile.SEAL_SEAL;

    /** A range of the file, and what it is for. */
    private record Part(String name, long offset, long size) {}

    private static final String NAME = "bars";

    private final DescriptorStore store;
    private final List<Part> parts = new ArrayList<>();
    private final List<Bar> bars = new ArrayList<>();
    private final List<Mapping> mappings = new ArrayList<>();
    private @Nullable Fd file;
    private boolean sealed;
    private boolean on;

    /**
     * @param store has the memory that an earlier process of this device had, and keeps it for the
     *     next
     */
    BarMemory(DescriptorStore store) {
        this.store = store;
    }

    /** Notes, before anything is sealed, that {@code bar} has memory here. */
    void add(Bar bar) {
        if (!bars.contains(bar)) {
            bars.add(bar);
        }
    }

    /** Returns the file, which is made now if need be. */
    Fd file() {
        if (!sealed) {
            sealed = true;
            make();
        }
        var f = file;
        if (f == null) {
            throw new IllegalStateException("closed");
        }
        return f;
    }

    /** Returns the file, or null when no BAR has memory that clients can map. */
    @Nullable Fd fileOrNull() {
        return file;
    }

    /**
     * Says that the device is on: from now on a reset clears. Until then it is new, or restored.
     */
    void on() {
        on = true;
    }

    boolean isOn() {
        return on;
    }

    /** Maps a range for any thread, until this is closed. */
    Mapping map(long offset, long size) {
        long page = BackedMemory.PAGE;
        var mapping =
                Mapping.shared(
                        file(), offset, (size + page - 1) & -page, Mapping.Access.READ_WRITE);
        mappings.add(mapping);
        return mapping;
    }

    private void make() {
        for (var bar : bars) {
            bar.backed()
                    .forEach(b ->
                            parts.add(
                                    new Part(
                                            b.toString(),
                                            bar.fileOffset() + b.offset(),
                                            b.size())));
        }
        parts.sort(Comparator.comparingLong(Part::offset));
        long end = 0;
        for (int i = 0; i < parts.size(); i++) {
            var part = parts.get(i);
            if (part.offset < end) {
                throw new IllegalArgumentException(
                        "%s and %s overlap in the device's memory file at 0x%x"
                                .formatted(parts.get(i - 1).name, part.name, part.offset));
            }
            end = part.offset + part.size;
        }
        long size = (end + BackedMemory.PAGE - 1) & -BackedMemory.PAGE;
        file = store.get(NAME);
        if (file == null) {
            file = MemoryFile.create("muser-bars", size);
            MemoryFile.seal(file, FINAL);
            store.put(NAME, file);
        } else {
            requireSame(file, size);
        }
    }

    private static void requireSame(Fd restored, long size) {
        var status = FileStatus.of(restored);
        if (!status.isRegular() || MemoryFile.seals(restored) != FINAL) {
            throw new StateMismatchException("what is stored as BAR memory is not such memory");
        }
        if (status.size() != size) {
            throw new StateMismatchException(
                    "the stored BAR memory has %d bytes and this build needs %d"
                            .formatted(status.size(), size));
        }
    }

    @Override
    public void close() {
        mappings.forEach(Mapping::close);
        mappings.clear();
        if (file != null) {
            file.close();
            file = null;
        }
    }
}
