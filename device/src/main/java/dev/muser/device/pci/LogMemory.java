package dev.muser.device.pci;

import dev.muser.device.state.StateArea;
import dev.muser.device.state.StateSegment;
import dev.muser.linux.Mapping;
import dev.muser.linux.MemoryFile;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Memory for a log of what the device writes: an area of the device's state if that outlives the
 * process, or memory that is this process's alone. It takes room only where something was stored.
 */
final class LogMemory {
    private final MemorySegment bytes;
    private final @Nullable StateArea area;
    private final @Nullable Mapping mapping;

    private LogMemory(MemorySegment bytes, @Nullable StateArea area, @Nullable Mapping mapping) {
        this.bytes = bytes;
        this.area = area;
        this.mapping = mapping;
    }

    static LogMemory of(StateArea area) {
        return new LogMemory(area.memory(), area, null);
    }

    static LogMemory own(long size) {
        try (var file = MemoryFile.create("muser-dirty", size)) {
            var mapping = Mapping.confined(file, 0, size, Mapping.Access.READ_WRITE);
            return new LogMemory(mapping.segment(), null, mapping);
        }
    }

    MemorySegment bytes() {
        return bytes;
    }

    /** Notes bytes that are about to change with the transaction that is going on. */
    void save(long at, long length) {
        if (area != null) {
            area.save(at, length);
        }
    }

    /** Hot. A store for good follows. */
    void beforeNow() {
        if (area != null) {
            area.beforeNow();
        }
    }

    /** Gives the memory back; nothing of it is needed any more. */
    void release(@Nullable StateSegment segment) {
        if (mapping != null) {
            mapping.close();
        } else if (segment != null && area != null) {
            segment.release(area);
        }
    }
}
