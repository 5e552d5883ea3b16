package dev.muser.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** Anonymous shared memory: {@code memfd_create(2)} and its seals. */
public final class MemoryFile {
    /** The set of seals can no longer change. */
    public static final int SEAL_SEAL = 1;

    /** The file cannot get shorter, so that a mapping of it never faults. */
    public static final int SEAL_SHRINK = 2;

    /** The file cannot get longer. */
    public static final int SEAL_GROW = 4;

    private static final int MFD_CLOEXEC = 1;
    private static final int MFD_ALLOW_SEALING = 2;
    private static final int MFD_HUGETLB = 4;
    private static final int MFD_HUGE_2MB = 21 << 26;
    private static final int PUNCH_HOLE_KEEP_SIZE = 3;
    private static final int SEEK_DATA = 3;
    private static final int F_ADD_SEALS = 1033;
    private static final int F_GET_SEALS = 1034;

    private MemoryFile() {}

    /**
     * Creates memory of {@code size} zero bytes that can be sealed. The name is for {@code
     * /proc/PID/maps} only; two files may share it.
     */
    public static Fd create(String name, long size) {
        return create(name, size, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    }

    /**
     * Creates memory of 2 MiB pages; {@code size} is a multiple of 2 MiB. The pages are taken from
     * the system's pool when the memory is mapped.
     */
    public static Fd createHuge(String name, long size) {
        return create(name, size, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB | MFD_HUGE_2MB);
    }

    private static Fd create(String name, long size, int flags) {
        Fd fd;
        try (var arena = Arena.ofConfined()) {
            fd =
                    Fd.own(
                            Syscall.check(
                                    "memfd_create",
                                    Syscall.call(
                                            Syscall.MEMFD_CREATE,
                                            arena.allocateFrom(name).address(),
                                            flags)));
        }
        try {
            resize(fd, size);
        } catch (SyscallException e) {
            fd.close();
            throw e;
        }
        return fd;
    }

    /** Sets the size in bytes. */
    public static void resize(Fd fd, long size) {
        Syscall.check("ftruncate", Syscall.call(Syscall.FTRUNCATE, fd.number(), size));
    }

    /** Makes a range zero and gives its pages back; the size stays. */
    public static void clear(Fd fd, long offset, long length) {
        Syscall.check(
                "fallocate PUNCH_HOLE",
                Syscall.call(
                        Syscall.FALLOCATE,
                        fd.number(),
                        PUNCH_HOLE_KEEP_SIZE,
                        offset,
                        length,
                        0,
                        0));
    }

    /**
     * Returns the first byte from {@code from} on that has a page, so that others are skipped,
     * which are all zero; {@code limit} when there is none before ({@code lseek(2)}, SEEK_DATA).
     */
    public static long nextData(Fd fd, long from, long limit) {
        long found = Syscall.call(Syscall.LSEEK, fd.number(), from, SEEK_DATA);
        return found < 0 ? withoutHoles(found, from, limit) : Math.min(found, limit);
    }

    private static long withoutHoles(long error, long from, long limit) {
        return error == -Errno.ENXIO ? limit : from; // a file that cannot tell has no holes
    }

    /** Adds {@code SEAL_*} bits. */
    public static void seal(Fd fd, int seals) {
        Syscall.check(
                "fcntl F_ADD_SEALS", Syscall.call(Syscall.FCNTL, fd.number(), F_ADD_SEALS, seals));
    }

    /** Returns the {@code SEAL_*} bits; 0 for a file that has no seals, such as one on a disk. */
    public static int seals(Fd fd) {
        long seals = Syscall.call(Syscall.FCNTL, fd.number(), F_GET_SEALS, 0);
        return seals < 0 ? 0 : (int) seals;
    }

    /** Opens a file of the file system for reading and writing, created when it is not there. */
    public static Fd open(Path path, long size) {
        try (var arena = Arena.ofConfined()) {
            var bytes = path.toString().getBytes(StandardCharsets.UTF_8);
            var name = arena.allocate(bytes.length + 1L);
            MemorySegment.copy(bytes, 0, name, JAVA_BYTE, 0, bytes.length);
            var fd =
                    Fd.own(
                            Syscall.check(
                                    "open " + path,
                                    Syscall.call(
                                            Syscall.OPENAT,
                                            -100,
                                            name.address(),
                                            2 | 0x40 | 0x80000, // O_RDWR | O_CREAT | O_CLOEXEC
                                            0600,
                                            0,
                                            0)));
            try {
                resize(fd, size);
            } catch (SyscallException e) {
                fd.close();
                throw e;
            }
            return fd;
        }
    }
}
