package dev.muser.device.pci;

import dev.muser.device.DmaAccess;
import dev.muser.device.VfioException;
import dev.muser.device.pci.MappedFile.FileKey;
import dev.muser.linux.Errno;
import dev.muser.linux.Fd;
import dev.muser.linux.FileStatus;
import dev.muser.linux.Mapping;
import dev.muser.linux.MemoryFile;
import dev.muser.linux.SyscallException;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The memory files of one client, each mapped as a whole and once.
 *
 * <p>A file that has grown since, or that can be written only through a later descriptor, is mapped
 * once more; the regions that it had keep the mapping that they have.
 *
 * <p>The kernel gives a process some 65,000 mappings and 128 TiB of addresses, and a JVM that runs
 * out of either dies. So there are limits, for a client and for all of them; and no client takes
 * more than half of what the others leave, so that some is left for the next.
 */
final class MappedFiles {
    /** A file longer than this is mapped by the range. */
    static final long WHOLE_FILE_LIMIT = 1L << 40;

    private static final int CLIENT_MAPPINGS = 4096;
    private static final long CLIENT_BYTES = 32L << 40;
    private static final int ALL_MAPPINGS = 32768;
    private static final long ALL_BYTES = 80L << 40;
    private static final long PAGE = 4096;

    private static final AtomicInteger allMappings = new AtomicInteger();
    private static final AtomicLong allBytes = new AtomicLong();

    private final Map<FileKey, MappedFile> files = new HashMap<>();
    private int mappings;
    private long bytes;

    /**
     * Returns the file behind {@code fd}, mapped, with one region more.
     *
     * @throws VfioException EINVAL when the range is not within the file, ENODEV when it is no
     *     file, EACCES when it cannot be used so, ENOMEM beyond the limits
     */
    MappedFile acquire(Fd fd, long offset, long size, DmaAccess access) {
        var status = FileStatus.of(fd);
        if (!status.isRegular()) {
            throw new VfioException(Errno.ENODEV, "descriptor of a DMA region is not memory");
        }
        if (offset < 0 || size > status.size() - offset) {
            throw new VfioException(
                    Errno.EINVAL,
                    "DMA region of 0x%x bytes at 0x%x of a file that has 0x%x"
                            .formatted(size, offset, status.size()));
        }
        var key = new FileKey(status.device(), status.inode());
        var known = files.get(key);
        // A seal never goes: one system call less for each page that a guest's IOMMU maps.
        boolean sealed =
                (known != null && known.sealed())
                        || (MemoryFile.seals(fd) & MemoryFile.SEAL_SHRINK) != 0;
        if (known != null
                && known.covers(offset, size)
                && (known.writable() || !access.writable())) {
            if (sealed) {
                known.noteSealed();
            }
            known.retain();
            return known;
        }
        var file = map(fd, key, offset, size, status, access, sealed);
        file.retain();
        files.put(key, file);
        return file;
    }

    void release(MappedFile file) {
        long length = file.length();
        if (file.release()) {
            files.remove(file.key, file);
            account(-1, -length);
        }
    }

    private MappedFile map(
            Fd fd,
            FileKey key,
            long offset,
            long size,
            FileStatus status,
            DmaAccess access,
            boolean sealed) {
        // hugetlbfs maps whole pages of its own; the block size says how long they are
        long page =
                Long.bitCount(status.blockSize()) == 1 ? Math.max(PAGE, status.blockSize()) : PAGE;
        boolean whole = status.size() <= WHOLE_FILE_LIMIT;
        long start = whole ? 0 : offset & -page;
        long length = ((whole ? status.size() : offset + size) - start + page - 1) & -page;
        int fairMappings = (ALL_MAPPINGS - (allMappings.get() - mappings)) / 2;
        long fairBytes = (ALL_BYTES - (allBytes.get() - bytes)) / 2;
        if (mappings >= Math.min(CLIENT_MAPPINGS, fairMappings)
                || length > Math.min(CLIENT_BYTES, fairBytes) - bytes) {
            throw new VfioException(
                    Errno.ENOMEM,
                    "DMA region in a further memory file, when %d files of 0x%x bytes are mapped"
                            .formatted(mappings, bytes));
        }
        var mapping = map(fd, start, length, access);
        account(1, length);
        mapping.excludeFromDumps();
        return new MappedFile(key, start, mapping, sealed);
    }

    /** Maps for reading and writing where the descriptor allows it, whatever this region needs. */
    private static Mapping map(Fd fd, long start, long length, DmaAccess access) {
        try {
            return Mapping.confined(fd, start, length, Mapping.Access.READ_WRITE);
        } catch (SyscallException e) {
            boolean readOnly = e.errno() == Errno.EACCES || e.errno() == Errno.EPERM;
            if (!readOnly) {
                throw refused(e);
            }
            if (access.writable()) {
                throw new VfioException(
                        Errno.EACCES, "DMA region for writing, whose file cannot be written");
            }
        }
        try {
            return Mapping.confined(fd, start, length, Mapping.Access.READ);
        } catch (SyscallException e) {
            throw refused(e);
        }
    }

    private static VfioException refused(SyscallException e) {
        // a descriptor opened with O_PATH: the client's fault, not a broken descriptor of ours
        int errno = e.errno() == Errno.EBADF ? Errno.EINVAL : e.errno();
        return new VfioException(errno, "DMA region cannot be mapped");
    }

    private void account(int count, long length) {
        mappings += count;
        bytes += length;
        allMappings.addAndGet(count);
        allBytes.addAndGet(length);
    }
}
