package dev.muser.server;

import dev.muser.device.DmaAccess;
import dev.muser.device.VfioDevice;
import dev.muser.device.VfioException;
import dev.muser.device.state.StateArea;
import dev.muser.device.state.StateMismatchException;
import dev.muser.device.state.StateSegment;
import dev.muser.linux.Fd;
import java.lang.System.Logger.Level;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The DMA mappings of a client, for a successor to make them again. */
final class KeptMappings {
    private static final String AREA = "dma";
    private static final int ENTRY = 64;

    // the area: entry 0 has the generation @0, from 1 on, and the first entry that was never used
    // in it @8, 0 for not known; the others: iova @0, size @8, offset in the file @16, device @24,
    // inode @32, how it was opened and the bits below @40, the generation that it belongs to @48
    private static final int UNUSED = 8;
    private static final int GENERATION = 48;
    private static final int READABLE = 0x100;
    private static final int WRITABLE = 0x200;
    private static final int HAS_FILE = 0x400;

    private final StateSegment segment;
    private final KeptDescriptors descriptors;
    private final StateArea area;
    private Map<Long, Integer> slots = new HashMap<>();

    /** Those that the client has, and that could not be made again: address and size. */
    private final Map<Long, Long> lost = new HashMap<>();

    private ArrayDeque<Integer> free = new ArrayDeque<>();

    /** Entries from here on have never been used in this generation. */
    private int unused = 1;

    /**
     * @param most how many a client may have: there is room for all, which takes memory when it is
     *     used
     */
    KeptMappings(StateSegment segment, KeptDescriptors descriptors, int most) {
        this.segment = segment;
        this.descriptors = descriptors;
        long size = (1L + most) * ENTRY;
        var old = segment.area(AREA);
        if (old == null) {
            area = segment.area(AREA, size);
        } else {
            long stored = old.memory().byteSize();
            if (stored == 0 || stored % ENTRY != 0) {
                throw new StateMismatchException("the stored DMA mappings are damaged");
            }
            area = stored < size ? enlarged(old, size) : old;
        }
        begin();
    }

    /** A build before this one allowed fewer. */
    private StateArea enlarged(StateArea old, long size) {
        var larger = segment.replace(AREA, size);
        larger.memory().copyFrom(old.memory());
        return larger;
    }

    private void begin() {
        if (area.getLong(0) == 0) {
            area.setLong(0, 1);
            area.setLong(UNUSED, 1);
        }
    }

    /**
     * Notes a mapping that is about to be made.
     *
     * @param identity of its file; null when it has none
     */
    void add(long iova, long size, DmaAccess access, @Nullable FdIdentity identity, long offset) {
        if (slots.containsKey(iova)) { // the very same again, or refused
            return;
        }
        lost.remove(iova);
        int slot = take();
        long at = (long) slot * ENTRY;
        area.setLong(at, iova);
        area.setLong(at + 8, size);
        area.setLong(at + 16, offset);
        area.setLong(at + 24, identity == null ? 0 : identity.device());
        area.setLong(at + 32, identity == null ? 0 : identity.inode());
        area.setLong(at + 40, flags(access, identity));
        area.setLong(at + GENERATION, area.getLong(0));
        slots.put(iova, slot);
        if (identity != null) {
            descriptors.holdAgain(identity);
        }
    }

    private static long flags(DmaAccess access, @Nullable FdIdentity identity) {
        return (access.readable() ? READABLE : 0)
                | (access.writable() ? WRITABLE : 0)
                | (identity == null ? 0 : HAS_FILE | identity.mode());
    }

    private int take() {
        var again = free.poll();
        if (again != null) {
            return again;
        }
        area.setLong(UNUSED, unused + 1L);
        return unused++;
    }

    /** Whether a mapping that was made begins in that range. */
    boolean hasAny(long iova, long size) {
        return slots.containsKey(iova)
                || slots.keySet().stream().anyMatch(at -> isIn(at, iova, size));
    }

    /** Notes that the mappings in a range have gone. */
    void remove(long iova, long size) {
        Integer slot = slots.get(iova);
        if (slot != null && area.getLong((long) slot * ENTRY + 8) == size) {
            remove(iova);
        } else {
            slots.keySet().stream()
                    .filter(at -> isIn(at, iova, size))
                    .toList()
                    .forEach(this::remove);
        }
    }

    private void remove(long iova) {
        Integer slot = slots.remove(iova);
        if (slot != null) {
            drop(slot);
            area.setLong((long) slot * ENTRY + GENERATION, 0);
            free.add(slot);
        }
    }

    private static boolean isIn(long address, long iova, long size) {
        return Long.compareUnsigned(address - iova, size) < 0;
    }

    /**
     * Notes that mappings in a range have gone that could not be made again; returns whether there
     * were any.
     */
    boolean removeLost(long iova, long size) {
        return lost.entrySet()
                .removeIf(each ->
                        isIn(each.getKey(), iova, size)
                                && each.getValue() <= size - (each.getKey() - iova));
    }

    /** Notes that all mappings have gone. */
    void clear() {
        lost.clear();
        slots.values().forEach(this::drop);
        slots = new HashMap<>();
        free = new ArrayDeque<>();
        unused = 1;
        area.setLong(0, area.getLong(0) + 1);
        area.setLong(UNUSED, 1);
    }

    /** Gives back the memory of mappings that are no more. The transaction that says so is over. */
    void discard() {
        segment.discard(area);
        begin();
    }

    private void drop(int slot) {
        var identity = identity((long) slot * ENTRY);
        if (identity != null) {
            descriptors.drop(identity);
        }
    }

    private @Nullable FdIdentity identity(long at) {
        long flags = area.getLong(at + 40);
        return (flags & HAS_FILE) == 0
                ? null
                : new FdIdentity(area.getLong(at + 24), area.getLong(at + 32), 0, (int) flags & 3);
    }

    /**
     * Makes all mappings again that a process before this one had.
     *
     * @throws StateMismatchException when one cannot be made
     */
    void restore(VfioDevice device) {
        long generation = area.getLong(0);
        long used = area.getLong(UNUSED); // to look at the others would make memory of them
        long all = area.memory().byteSize() / ENTRY;
        long count = used == 0 ? all : Math.min(used, all);
        for (int slot = 1; slot < count; slot++) {
            long at = (long) slot * ENTRY;
            if (area.getLong(at + GENERATION) == generation) {
                while (unused < slot) {
                    free.add(unused++);
                }
                unused = slot + 1;
                long iova = area.getLong(at);
                slots.put(iova, slot);
                try {
                    map(device, at);
                } catch (VfioException e) {
                    // The client has cut its file short since: there is nothing to map any more.
                    System.getLogger("dev.muser.server")
                            .log(
                                    Level.WARNING,
                                    "memory at 0x{0}: {1}",
                                    Long.toHexString(iova),
                                    e.getMessage());
                    lost.put(iova, area.getLong(at + 8));
                    remove(iova);
                }
            }
        }
        area.setLong(UNUSED, unused);
    }

    private void map(VfioDevice device, long at) {
        var identity = identity(at);
        Fd file = null;
        if (identity != null) {
            file = descriptors.find(identity);
            if (file == null) {
                throw new StateMismatchException(
                        "the client's memory at 0x%x is not kept".formatted(area.getLong(at)));
            }
            descriptors.holdAgain(identity);
        }
        long flags = area.getLong(at + 40);
        device.mapDma(
                area.getLong(at),
                area.getLong(at + 8),
                DmaAccess.of((flags & READABLE) != 0, (flags & WRITABLE) != 0),
                file,
                area.getLong(at + 16));
    }
}
