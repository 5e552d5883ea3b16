package dev.muser.conform;

import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import dev.muser.linux.FileStatus;
import dev.muser.linux.Mapping;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** The fake device's view of its client's memory. */
final class FakeDma implements AutoCloseable {
    private record Range(long size, @Nullable Mapping mapping) {}

    /** How many there can be at a time. */
    static final int MOST = 300;

    private final Set<Fault> faults;

    /** By address; addresses from 2^63 on do not occur but for the last, which are refused. */
    private final TreeMap<Long, Range> ranges = new TreeMap<>();

    private boolean logging;

    FakeDma(Set<Fault> faults) {
        this.faults = faults;
    }

    FakeReply map(ByteBuffer request, List<Fd> fds) {
        if (request.remaining() != 32 || Integer.toUnsignedLong(request.getInt(0)) < 32) {
            return FakeReply.INVALID;
        }
        int flags = request.getInt(4);
        long offset = request.getLong(8);
        long address = request.getLong(16);
        long size = request.getLong(24);
        if ((flags & ~3) != 0 || fds.size() > 1 || offset < 0) {
            return FakeReply.INVALID;
        }
        if (address < 0 || size <= 0 || address > Long.MAX_VALUE - size) {
            return FakeReply.INVALID;
        }
        if (!faults.contains(Fault.OVERLAP_TAKEN) && overlaps(address, size)) {
            return FakeReply.error(
                    faults.contains(Fault.OVERLAP_EINVAL) ? Errno.EINVAL : Errno.EEXIST);
        }
        if (ranges.size() >= MOST) {
            return FakeReply.error(Errno.ENOSPC);
        }
        Mapping mapping = null;
        if (!fds.isEmpty()) {
            var file = FileStatus.of(fds.getFirst());
            if (!file.isRegular() || offset > file.size() - size) {
                return FakeReply.INVALID;
            }
            if (offset % 4096 == 0) {
                mapping = Mapping.confined(fds.getFirst(), offset, size, Mapping.Access.READ_WRITE);
            }
        }
        ranges.put(address, new Range(size, mapping));
        return FakeReply.DONE;
    }

    private boolean overlaps(long address, long size) {
        var before = ranges.floorEntry(address);
        var after = ranges.ceilingEntry(address);
        return (before != null && before.getKey() + before.getValue().size > address)
                || (after != null && address + size > after.getKey());
    }

    FakeReply unmap(ByteBuffer request) {
        if (request.remaining() < 24 || Integer.toUnsignedLong(request.getInt(0)) < 24) {
            return FakeReply.INVALID;
        }
        long address = request.getLong(8);
        long size = request.getLong(16);
        switch (request.getInt(4)) {
            case 0 -> {
                var range = ranges.get(address);
                boolean part =
                        faults.contains(Fault.UNMAP_PART)
                                && range != null
                                && size == 4096
                                && range.size > size;
                if (part) {
                    break;
                }
                if (range == null || range.size != size) {
                    return FakeReply.error(Errno.ENOENT);
                }
                ranges.remove(address);
                if (range.mapping != null && !faults.contains(Fault.UNMAP_KEEPS_MAPPING)) {
                    range.mapping.close();
                }
            }
            case 1 -> {
                return unmapWithBits(request, address, size);
            }
            case 2 -> {
                if (address != 0 || size != 0) {
                    return FakeReply.INVALID;
                }
                clear();
            }
            default -> {
                return FakeReply.INVALID;
            }
        }
        return faults.contains(Fault.UNMAP_REPLY_EMPTY)
                ? FakeReply.DONE
                : FakeReply.of(Bytes.of().raw(FakeDevice.bytes(request)).cut(24));
    }

    /** As libvfio-user does: the request's 24 bytes and 16 of the bitmap, and the bitmap. */
    private FakeReply unmapWithBits(ByteBuffer request, long address, long size) {
        if (!logging || request.remaining() < 40) {
            return FakeReply.INVALID;
        }
        long page = request.getLong(24);
        long bytes = request.getLong(32);
        var range = ranges.get(address);
        boolean fits = page > 0 && bytes == (size / page + 63) / 64 * 8;
        if (range == null || range.size != size || !fits || request.getInt(0) < 40 + bytes) {
            return FakeReply.INVALID;
        }
        ranges.remove(address);
        if (range.mapping != null) {
            range.mapping.close();
        }
        var reply = Bytes.of().raw(FakeDevice.bytes(request)).cut(40);
        return FakeReply.of(reply.zeros((int) bytes));
    }

    void logging(boolean on) {
        logging = on;
    }

    /** Whether a range is inside one mapping. */
    boolean covers(long address, long length) {
        var range = ranges.floorEntry(address);
        return range != null
                && length > 0
                && length <= range.getValue().size
                && address - range.getKey() <= range.getValue().size - length;
    }

    private void clear() {
        ranges.values()
                .forEach(range -> {
                    if (range.mapping != null) {
                        range.mapping.close();
                    }
                });
        ranges.clear();
    }

    @Override
    public void close() {
        clear();
    }
}
