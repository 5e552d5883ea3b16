package dev.muser.client.nvme;

import static dev.muser.client.nvme.LittleEndian.U64;

import dev.muser.device.VfioException;
import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import dev.muser.linux.Mapping;
import java.lang.foreign.MemorySegment;
import java.util.TreeMap;

/** The driver's memory as the fake controller sees it, and how a command's data is found in it. */
final class FakeMemory {
    private static final int PAGE = 4096;

    private final TreeMap<Long, Mapping> mappings = new TreeMap<>();

    void map(long iova, long size, Fd file, long offset) {
        mappings.put(iova, Mapping.shared(file, offset, size, Mapping.Access.READ_WRITE));
        file.close();
    }

    void unmap(long iova) {
        var mapping = mappings.remove(iova);
        if (mapping == null) {
            throw new VfioException(Errno.ENOENT, "unmap");
        }
        mapping.close();
    }

    void clear() {
        mappings.values().forEach(Mapping::close);
        mappings.clear();
    }

    int count() {
        return mappings.size();
    }

    /** A piece of memory, with the address of its first byte. */
    record Place(MemorySegment memory, long offset) {}

    Place find(long iova) {
        var entry = mappings.floorEntry(iova);
        if (entry == null || iova - entry.getKey() >= entry.getValue().segment().byteSize()) {
            throw new AssertionError("the driver never mapped 0x%x".formatted(iova));
        }
        return new Place(entry.getValue().segment(), iova - entry.getKey());
    }

    private long read64(long iova) {
        var place = find(iova);
        return place.memory.get(U64, place.offset);
    }

    /** Moves {@code data} between the fake and where the command at {@code slot} says. */
    void transfer(MemorySegment queue, long slot, MemorySegment data, boolean toHost) {
        long prp1 = queue.get(U64, slot + 24);
        long prp2 = queue.get(U64, slot + 32);
        if ((queue.get(LittleEndian.U8, slot + 1) & 0xc0) == 0) {
            byPrps(prp1, prp2, data, toHost);
        } else if (prp2 >>> 56 == SglList.DATA_BLOCK) {
            move(prp1, data, 0, Math.min(prp2 & 0xffffffffL, data.byteSize()), toHost);
        } else {
            long at = 0;
            for (long entry = prp1; entry < prp1 + (int) prp2; entry += SglList.ENTRY_SIZE) {
                int length = (int) read64(entry + 8);
                move(read64(entry), data, at, length, toHost);
                at += length;
            }
        }
    }

    private void byPrps(long prp1, long prp2, MemorySegment data, boolean toHost) {
        long size = data.byteSize();
        long done = Math.min(size, PAGE - (prp1 & (PAGE - 1)));
        move(prp1, data, 0, done, toHost);
        if (size - done <= PAGE) {
            move(prp2, data, done, size - done, toHost);
            return;
        }
        for (long entry = prp2; done < size; entry += 8) {
            boolean last = (entry & (PAGE - 1)) == PAGE - 8;
            if (last && size - done > PAGE) {
                entry = read64(entry);
            }
            long part = Math.min(PAGE, size - done);
            move(read64(entry), data, done, part, toHost);
            done += part;
        }
    }

    private void move(long iova, MemorySegment data, long at, long count, boolean toHost) {
        if (count == 0) {
            return;
        }
        var place = find(iova);
        if (toHost) {
            MemorySegment.copy(data, at, place.memory, place.offset, count);
        } else {
            MemorySegment.copy(place.memory, place.offset, data, at, count);
        }
    }
}
