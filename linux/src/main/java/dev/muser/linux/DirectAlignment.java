package dev.muser.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;

/**
 * What direct I/O ({@link DiskFile#DIRECT}) asks of a file, as {@code statx(2)} says it.
 *
 * @param memory addresses of data are multiples of this
 * @param offset offsets in the file and lengths of pieces are multiples of this
 */
public record DirectAlignment(int memory, int offset) {
    private static final int AT_EMPTY_PATH = 0x1000;
    private static final int STATX_DIOALIGN = 0x2000;

    // struct statx: mask u32 @0, dio_mem_align u32 @152, dio_offset_align u32 @156; 256 bytes
    private static final int STATX_SIZE = 256;

    /** What suits nearly all disks, for kernels and file systems that do not say. */
    private static final DirectAlignment USUAL = new DirectAlignment(4096, 4096);

    /** Returns the alignments of an open file; offsets of 0 say that direct I/O is impossible. */
    public static DirectAlignment of(Fd fd) {
        try (var arena = Arena.ofConfined()) {
            var empty = arena.allocate(1);
            var statx = arena.allocate(STATX_SIZE, 8);
            long result =
                    Syscall.call(
                            Syscall.STATX,
                            fd.number(),
                            empty.address(),
                            AT_EMPTY_PATH,
                            STATX_DIOALIGN,
                            statx.address(),
                            0);
            if (result == 0 && (statx.get(JAVA_INT, 0) & STATX_DIOALIGN) != 0) {
                return new DirectAlignment(statx.get(JAVA_INT, 152), statx.get(JAVA_INT, 156));
            }
        }
        if (FileStatus.of(fd).isBlockDevice()) {
            int sector = BlockDevice.sectorSize(fd);
            return new DirectAlignment(sector, sector);
        }
        return USUAL;
    }
}
