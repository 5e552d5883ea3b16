package dev.muser.conform;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What the queries found: cases adapt to it. One that could not be asked looks like one without
 * regions, interrupts and features.
 */
final class Device {
    static final int CONFIG = 7;

    private static final int READ = 1;
    private static final int WRITE = 2;
    private static final int MMAP = 4;

    /** A region, as its whole answer says. */
    record Region(int index, long flags, long size, long argsz) {
        boolean readable() {
            return size != 0 && (flags & READ) != 0;
        }

        boolean writable() {
            return size != 0 && (flags & WRITE) != 0;
        }

        boolean mappable() {
            return (flags & MMAP) != 0;
        }
    }

    /** An interrupt index. */
    record Irq(int index, long flags, long count) {
        boolean eventFd() {
            return count > 0 && (flags & 1) != 0;
        }

        boolean maskable() {
            return count > 0 && (flags & 2) != 0;
        }
    }

    /** Whether the server agreed on a version at all. */
    boolean negotiated;

    Map<?, ?> capabilities = Map.of();
    long flags;
    long regionCount;
    long irqCount;
    long migrationFlags;
    final List<Region> regions = new ArrayList<>();
    final List<Irq> irqs = new ArrayList<>();

    /** Features that can be probed without any method. */
    final Set<Integer> features = new HashSet<>();

    /** How many descriptors the server takes in one message. */
    int maxFds() {
        return (int) number("max_msg_fds", 1);
    }

    /** The largest count that the server transfers. */
    long maxTransfer() {
        return number("max_data_xfer_size", 1 << 20);
    }

    /** How many mappings the server takes at a time. */
    long maxDmaMaps() {
        return number("max_dma_maps", 65535);
    }

    boolean writeMultiple() {
        return Boolean.TRUE.equals(capabilities.get("write_multiple"));
    }

    boolean resettable() {
        return (flags & 1) != 0;
    }

    boolean migrates() {
        return (migrationFlags & Features.STOP_COPY_FLAG) != 0;
    }

    boolean preCopy() {
        return (migrationFlags & Features.PRE_COPY_FLAG) != 0;
    }

    boolean logs() {
        return features.containsAll(
                List.of(Features.LOGGING_START, Features.LOGGING_STOP, Features.LOGGING_REPORT));
    }

    private long number(String key, long otherwise) {
        return capabilities.get(key) instanceof Number n ? n.longValue() : otherwise;
    }
}
