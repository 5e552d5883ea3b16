package dev.muser.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;

/**
 * What {@code fstat(2)} says of an open file.
 *
 * @param device number of the file system
 * @param inode number of the file; with {@code device} it identifies the file
 * @param mode type and permission bits ({@code st_mode})
 * @param size in bytes
 * @param blockSize preferred block size in bytes: for a file on hugetlbfs its page size
 * @param allocated bytes of room that it takes; less than its size when there are holes
 */
public record FileStatus(
        long device, long inode, int mode, long size, long blockSize, long allocated) {

    private static final int S_IFMT = 0xf000;
    private static final int S_IFREG = 0x8000;
    private static final int S_IFDIR = 0x4000;
    private static final int S_IFBLK = 0x6000;

    // struct stat, x86-64: dev @0, ino @8, nlink @16, mode @24, uid, gid, rdev @40, size @48,
    // blksize @56, blocks of 512 bytes @64; 144 bytes
    private static final int STAT_SIZE = 144;

    public static FileStatus of(Fd fd) {
        try (var arena = Arena.ofConfined()) {
            var stat = arena.allocate(STAT_SIZE, 8);
            Syscall.check("fstat", Syscall.call(Syscall.FSTAT, fd.number(), stat.address()));
            return new FileStatus(
                    stat.get(JAVA_LONG, 0),
                    stat.get(JAVA_LONG, 8),
                    stat.get(JAVA_INT, 24),
                    stat.get(JAVA_LONG, 48),
                    stat.get(JAVA_LONG, 56),
                    stat.get(JAVA_LONG, 64) * 512);
        }
    }

    /** Whether it is a regular file, as memfds and files on hugetlbfs are. */
    public boolean isRegular() {
        return (mode & S_IFMT) == S_IFREG;
    }

    public boolean isDirectory() {
        return (mode & S_IFMT) == S_IFDIR;
    }

    /** Whether it is a block device; its size is {@link BlockDevice#size}, not {@link #size}. */
    public boolean isBlockDevice() {
        return (mode & S_IFMT) == S_IFBLK;
    }
}
