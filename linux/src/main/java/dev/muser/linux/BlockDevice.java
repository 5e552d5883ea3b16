package dev.muser.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** What only block devices know and do ({@code linux/fs.h}). */
public final class BlockDevice {
    private static final int BLKSSZGET = 0x1268;
    private static final int BLKDISCARD = 0x1277;
    private static final int BLKGETSIZE64 = 0x8008_1272;

    private BlockDevice() {}

    /** Returns the size in bytes. */
    public static long size(Fd fd) {
        try (var arena = Arena.ofConfined()) {
            var size = arena.allocate(8, 8);
            ioctl("BLKGETSIZE64", fd, BLKGETSIZE64, size);
            return size.get(JAVA_LONG, 0);
        }
    }

    /** Returns the size of a logical block in bytes. */
    public static int sectorSize(Fd fd) {
        try (var arena = Arena.ofConfined()) {
            var size = arena.allocate(4, 4);
            ioctl("BLKSSZGET", fd, BLKSSZGET, size);
            return size.get(JAVA_INT, 0);
        }
    }

    private static void ioctl(String name, Fd fd, int request, MemorySegment argument) {
        Syscall.check(
                "ioctl " + name,
                Syscall.call(
                        Syscall.IOCTL,
                        fd.number(),
                        Integer.toUnsignedLong(request),
                        argument.address()));
    }

    /**
     * Tells the device that a range is not needed; what it reads as afterwards is its own affair.
     *
     * @param range 16 bytes of the caller, native
     * @return 0 or {@code -errno}: EOPNOTSUPP when the device does not discard
     */
    public static int discard(Fd fd, long offset, long length, MemorySegment range) {
        long address = NativeBuffer.address(range, 0, 16);
        range.set(JAVA_LONG, 0, offset);
        range.set(JAVA_LONG, 8, length);
        return (int) Syscall.call(Syscall.IOCTL, fd.number(), BLKDISCARD, address);
    }

    /** Whether a device that is open for writing discards. */
    public static boolean discards(Fd fd) {
        try (var arena = Arena.ofConfined()) {
            // the device's ability is looked at before the range, which is empty: EINVAL
            return discard(fd, 0, 0, arena.allocate(16, 8)) != -Errno.EOPNOTSUPP;
        }
    }
}
